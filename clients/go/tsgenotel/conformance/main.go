// Adds traced jobs, or works on such: what the conformance suite pairs with the other languages. Its traces.rs tells what is printed.
//
//	traced redis://… add ID KEY… | work KEY
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"tsgen"
	"tsgen/tsgenotel"
)

type mail struct {
	To string `json:"to"`
}

func names(of trace.SpanContext) string { return of.TraceID().String() + "-" + of.SpanID().String() }

func add(t *tsgen.Tsgen, id string, keys []string) error {
	for _, key := range keys {
		ctx, span := otel.Tracer("test").Start(context.Background(), "produce")
		_, err := t.DelayQueue(key).Add(ctx, id, tsgenotel.Traced(ctx, mail{"Zoë ☃"}), 0)
		span.End()
		if err != nil {
			return err
		}
		fmt.Println("produced", key, names(span.SpanContext()))
	}
	return nil
}

func work(t *tsgen.Tsgen, key string, recorder *tracetest.SpanRecorder) error {
	seen := map[string]string{}
	note := tsgen.Typed(func(_ context.Context, job *tsgen.Job, payload mail) error {
		seen[job.ID] = payload.To
		return nil
	})
	worker := t.Worker(key, tsgenotel.Spans(note))
	if err := worker.RunUntilEmpty(context.Background()); err != nil {
		return err
	}
	for _, span := range recorder.Ended() {
		id, links := "", []string{}
		for _, pair := range span.Attributes() {
			if pair.Key == "messaging.message.id" {
				id = pair.Value.AsString()
			}
		}
		for _, link := range span.Links() {
			links = append(links, names(link.SpanContext))
		}
		fmt.Println("linked", id, strings.Join(links, ","), seen[id])
	}
	return nil
}

func run(url, what string, rest []string) error {
	recorder := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t, err := tsgen.Open(url)
	if err != nil {
		return err
	}
	t.Codec = tsgenotel.Codec(tsgen.JSON)
	if what == "add" {
		return add(t, rest[0], rest[1:])
	}
	return work(t, rest[0], recorder)
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
