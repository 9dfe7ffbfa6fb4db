package tsgen

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestOneServerByItsURL(t *testing.T) {
	for address, want := range map[string]string{
		"":                                 "localhost:6379",
		"redis://10.0.0.7":                 "10.0.0.7:6379",
		"redis://10.0.0.7:7000?protocol=2": "10.0.0.7:7000",
		"unix:///run/redis.sock":           "/run/redis.sock",
	} {
		s := must(Open(address))(t)
		options := s.Client.(*redis.Client).Options()
		equal(t, options.Addr, want)
		// go-redis says 0 for never.
		equal(t, options.MaxRetries, 0)
		ok(t, s.Client.Close())
	}
	s := must(Open("rediss://ada:p%40ss@10.0.0.7/3?max_retries=2&pool_size=7"))(t)
	options := s.Client.(*redis.Client).Options()
	equal(t, []any{options.Username, options.Password, options.DB, options.MaxRetries, options.PoolSize}, []any{"ada", "p@ss", 3, 2, 7})
	equal(t, options.TLSConfig.ServerName, "10.0.0.7")
	ok(t, s.Client.Close())
}

func TestWhatSentinelsNameByItsURL(t *testing.T) {
	s := must(Open("sentinel://ada:p%40s+s@10.0.0.7:26379,10.0.0.8:26379/mymaster/3?protocol=2"))(t)
	options := s.Client.(*redis.Client).Options()
	equal(t, []any{options.Username, options.Password, options.DB, options.Protocol, options.MaxRetries}, []any{"ada", "p@s+s", 3, 2, 0})
	equal(t, options.Addr, "FailoverClient")
	ok(t, s.Client.Close())
	refused(t, second(Open("sentinel://10.0.0.7:26379")), "the name of the master is missing")
}

func TestAClusterByItsURL(t *testing.T) {
	s := must(Open("clusters://ada:p%40ss@10.0.0.7:7000,10.0.0.8:7001?protocol=2"))(t)
	options := s.Client.(*redis.ClusterClient).Options()
	equal(t, options.Addrs, []string{"10.0.0.7:7000", "10.0.0.8:7001"})
	equal(t, []any{options.Username, options.Password, options.Protocol}, []any{"ada", "p@ss", 2})
	// Each host has a certificate for its own name.
	equal(t, options.TLSConfig.ServerName, "")
	ok(t, s.Client.Close())
}

func TestAnErrorOfAURLDoesNotTellThePassword(t *testing.T) {
	for _, address := range []string{
		"redis://ada:secret@10.0.0.7:port", "http://ada:secret@10.0.0.7", "ada:secret@10.0.0.7", "sentinel://ada:secret@10.0.0.7:port/mymaster",
		"cluster://ada:secret@10.0.0.7:7000,10.0.0.8", "redis://ada:secret@10.0.0.7?unknown=1",
		"redis://ada:secret", "redis://ada:sec/ret@10.0.0.7:6379",
	} {
		err := second(Open(address))
		refused(t, err, "tsgen: the URL of the server: ")
		if strings.Contains(err.Error(), "sec") {
			t.Errorf("%q tells the password", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A worker has what its Tsgen has.
func TestAWorkerOfATsgenHasItsCodecAndItsClock(t *testing.T) {
	s := connected(t, 3)
	s.Codec = Raw
	clock := must(s.NewVirtualClock(ctx, 1_900_000_000_000))(t)
	must(s.DelayQueue("mails").Add(ctx, "mail-1", "no JSON", 1000))(t)
	clock.Jump(1000)
	var got []string
	handler := Typed(func(_ context.Context, _ *Job, payload string) error {
		got = append(got, payload)
		return nil
	})
	ok(t, s.Worker("mails", handler, quiet).RunUntilEmpty(ctx))
	equal(t, got, []string{"no JSON"})
}

// The program that the next two tests start: this one, again.
func TestMain(m *testing.M) {
	if key := os.Getenv("TSGEN_TEST_MAIN"); key != "" {
		Main(os.Getenv("REDIS_URL"), key, HandlerFunc(func(_ context.Context, job *Job) error {
			_, err := os.Stdout.WriteString("works on " + job.ID + "\n")
			return err
		}))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func program(t *testing.T, key, address string) *exec.Cmd {
	t.Helper()
	patience, end := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(end)
	self := exec.CommandContext(patience, must(os.Executable())(t))
	self.Env = append(os.Environ(), "TSGEN_TEST_MAIN="+key, "REDIS_URL="+address)
	return self
}

func TestMainWorksUntilASignal(t *testing.T) {
	s := connected(t, 3)
	must(s.DelayQueue("mails").Add(ctx, "mail-1", nil, 0))(t)
	self := program(t, "mails", os.Getenv("REDIS_URL"))
	out := must(self.StdoutPipe())(t)
	ok(t, self.Start())
	line := must(bufio.NewReader(out).ReadString('\n'))(t)
	equal(t, line, "works on mail-1\n")
	ok(t, self.Process.Signal(os.Interrupt))
	ok(t, self.Wait())
	equal(t, must(s.DelayQueue("mails").Info(ctx))(t)["acked"], int64(1))
}

func TestMainEndsWithWhatDoesNotPass(t *testing.T) {
	s := connected(t, 3)
	ok(t, s.Debounce("scans").Create(ctx))
	for address, want := range map[string]string{os.Getenv("REDIS_URL"): "WRONGTYPE", "redis://localhost:port": "the URL of the server"} {
		told, err := program(t, "scans", address).CombinedOutput()
		refused(t, err, "exit status 1")
		if !strings.Contains(string(told), want) {
			t.Errorf("%q is missing in %s", want, told)
		}
	}
}
