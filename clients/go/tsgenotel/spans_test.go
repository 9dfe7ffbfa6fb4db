package tsgenotel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"tsgen"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %#v, want %#v", got, want)
	}
}

type mail struct{ To string }

func TestSpansAreLinkedToThoseOfTheirProducers(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	ctx := context.Background()
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	ok(t, err)
	client := redis.NewClient(options)
	defer func() { ok(t, client.Close()) }()
	ok(t, client.Del(ctx, "traced").Err())
	queue := (&tsgen.Tsgen{Client: client, Codec: Codec(tsgen.JSON)}).DelayQueue("traced")

	produce, producer := otel.Tracer("test").Start(ctx, "produce")
	add := func(id string, payload any) {
		t.Helper()
		_, err := queue.Add(ctx, id, payload, 0)
		ok(t, err)
	}
	add("a", Traced(produce, mail{"ada"}))
	producer.End()
	// What was added by somebody who does not trace is what it is.
	add("outside", Traced(ctx, mail{"bob"}))
	add("plain", mail{"cy"})
	// Of a producer that sets more flags than propagators here may know: random trace id, and one to come.
	flagged := fmt.Sprintf("tsgen-headers {\"traceparent\":\"00-%032x-%016x-07\"}\n{\"To\":\"di\"}", 1, 2)
	raw := &tsgen.Tsgen{Client: client, Codec: tsgen.Raw}
	_, err = raw.DelayQueue("traced").Add(ctx, "flagged", flagged, 0)
	ok(t, err)
	found, err := queue.Get(ctx, "plain")
	ok(t, err)
	equal(t, string(found.Raw), `{"To":"cy"}`)

	seen := []string{}
	handler := tsgen.Typed(func(ctx context.Context, job *tsgen.Job, payload mail) error {
		seen = append(seen, payload.To)
		_, inside := otel.Tracer("test").Start(ctx, "inside "+job.ID)
		inside.End()
		if job.ID == "plain" {
			return tsgen.Dead(errors.New("no such address"))
		}
		return nil
	})
	ok(t, tsgen.NewWorker(client, "traced", Spans(handler), tsgen.WithCodec(Codec(tsgen.JSON))).RunUntilEmpty(ctx))
	equal(t, seen, []string{"ada", "bob", "cy", "di"})

	spans := map[string]sdk.ReadOnlySpan{}
	for _, span := range recorder.Ended() {
		name := span.Name()
		if name == "process traced" {
			for _, pair := range span.Attributes() {
				if pair.Key == "messaging.message.id" {
					name = pair.Value.AsString()
				}
			}
		}
		spans[name] = span
	}
	first, plain := spans["a"], spans["plain"]
	equal(t, len(first.Links()), 1)
	equal(t, first.Links()[0].SpanContext.SpanID(), producer.SpanContext().SpanID())
	equal(t, len(spans["flagged"].Links()), 1)
	equal(t, spans["flagged"].Links()[0].SpanContext.SpanID(), trace.SpanID{7: 2})
	equal(t, []int{len(spans["outside"].Links()), len(plain.Links())}, []int{0, 0})
	equal(t, []codes.Code{first.Status().Code, plain.Status().Code}, []codes.Code{codes.Unset, codes.Error})
	equal(t, spans["inside a"].Parent().SpanID(), first.SpanContext().SpanID())
	equal(t, first.Attributes()[0], attribute.String("messaging.system", "tsgen"))
}
