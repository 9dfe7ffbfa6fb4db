// Package tsgenotel makes a span for each job, linked to that of its producer:
//
//	t.Codec = tsgenotel.Codec(tsgen.JSON)
//	t.DelayQueue("mails").Add(ctx, "mail-1", tsgenotel.Traced(ctx, payload), time.Hour)
//	t.Worker("mails", tsgenotel.Spans(handler))
//
// A traced payload is a line `tsgen-headers {"traceparent": …}`, and behind it the payload as the other codec writes it: the same in all
// libraries. What has no such line is read as it is, so producers may begin or end to trace at any time, if all workers use the codec.
package tsgenotel

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"tsgen"
)

var mark = []byte("tsgen-headers ")

type traced struct {
	headers propagation.MapCarrier
	payload any
}

// Traced is a payload with the span of ctx, as the global propagator writes it. It is for a Codec of this package.
func Traced(ctx context.Context, payload any) any {
	headers := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, headers)
	return traced{headers, payload}
}

// Codec is a codec around another one. What is not Traced is written and read as the other one does.
func Codec(inner tsgen.Codec) tsgen.Codec { return codec{inner} }

type codec struct{ inner tsgen.Codec }

func (c codec) Marshal(v any) ([]byte, error) {
	of, is := v.(traced)
	if !is {
		return c.inner.Marshal(v)
	}
	payload, err := c.inner.Marshal(of.payload)
	if err != nil || len(of.headers) == 0 {
		return payload, err
	}
	headers, err := json.Marshal(of.headers)
	return bytes.Join([][]byte{mark, headers, []byte("\n"), payload}, nil), err
}

func (c codec) Unmarshal(data []byte, v any) error {
	_, payload := split(data)
	return c.inner.Unmarshal(payload, v)
}

// split is headers and payload; no headers if the line is none.
func split(data []byte) (propagation.MapCarrier, []byte) {
	line, payload, found := bytes.Cut(data, []byte("\n"))
	line, begins := bytes.CutPrefix(line, mark)
	headers := propagation.MapCarrier{}
	if !found || !begins || json.Unmarshal(line, &headers) != nil {
		return nil, data
	}
	return headers, payload
}

// producerOf is the span that the headers tell of. Of the flags in version 0 of W3C's header only that of sampling is left: producers set one
// for random trace ids by now, and propagators that do not know it refuse the header, instead of ignoring the flag.
func producerOf(headers propagation.MapCarrier) trace.SpanContext {
	if parent := headers["traceparent"]; len(parent) == 55 && parent[:3] == "00-" {
		if flags, err := hex.DecodeString(parent[53:]); err == nil {
			headers["traceparent"] = parent[:53] + hex.EncodeToString([]byte{flags[0] & 1})
		}
	}
	return trace.SpanContextFromContext(otel.GetTextMapPropagator().Extract(context.Background(), headers))
}

// Spans is a handler with a span around each job, of the global tracer tsgen. The span has the error, if there is one; its attributes are
// those of the messaging conventions.
func Spans(handler tsgen.Handler) tsgen.Handler {
	return tsgen.HandlerFunc(func(ctx context.Context, job *tsgen.Job) error {
		options := []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(
				attribute.String("messaging.system", "tsgen"),
				attribute.String("messaging.operation.type", "process"),
				attribute.String("messaging.destination.name", job.Key),
				attribute.String("messaging.message.id", job.ID),
				attribute.Int64("tsgen.deliveries", job.Deliveries),
			),
		}
		headers, _ := split(job.Raw)
		if producer := producerOf(headers); producer.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: producer}))
		}
		ctx, span := otel.Tracer("tsgen").Start(ctx, "process "+job.Key, options...)
		// Also if the handler panics.
		defer span.End()
		err := handler.Handle(ctx, job)
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, "")
		}
		return err
	})
}
