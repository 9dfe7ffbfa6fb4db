// Package tsgenprom has hooks for Prometheus:
//
//	hooks, err := tsgenprom.Hooks(prometheus.DefaultRegisterer)
//	worker := t.Worker("mails", handler, tsgen.WithHooks(hooks))
package tsgenprom

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"tsgen"
)

// Hooks registers how many handlers run (tsgen_jobs_running), how they ended (tsgen_jobs_total: done, failed, lost), and after how many
// seconds (tsgen_job_seconds); by key. Give them to all workers of the process. It fails if the registerer has such metrics already.
func Hooks(registerer prometheus.Registerer) (tsgen.Hooks, error) {
	running := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tsgen_jobs_running", Help: "Jobs that have been claimed and have not ended",
	}, []string{"key"})
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tsgen_jobs_total", Help: "Jobs that have ended, by how",
	}, []string{"key", "outcome"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tsgen_job_seconds", Help: "How long handlers took",
	}, []string{"key"})
	for _, collector := range []prometheus.Collector{running, ended, seconds} {
		if err := registerer.Register(collector); err != nil {
			return tsgen.Hooks{}, err
		}
	}
	end := func(job *tsgen.Job, outcome string) {
		running.WithLabelValues(job.Key).Dec()
		ended.WithLabelValues(job.Key, outcome).Inc()
	}
	return tsgen.Hooks{
		OnClaim: func(job *tsgen.Job) { running.WithLabelValues(job.Key).Inc() },
		OnDone: func(job *tsgen.Job, took time.Duration) {
			end(job, "done")
			seconds.WithLabelValues(job.Key).Observe(took.Seconds())
		},
		OnFailed: func(job *tsgen.Job, _ error, took time.Duration) {
			end(job, "failed")
			seconds.WithLabelValues(job.Key).Observe(took.Seconds())
		},
		OnLost: func(job *tsgen.Job) { end(job, "lost") },
	}, nil
}
