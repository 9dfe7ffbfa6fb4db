package tsgen

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Main is a program that works on one key: on the server that Open finds at the address, until SIGTERM or SIGINT. It returns then. What
// will not pass by itself, as told at Worker.Run, it logs, and ends the program with exit code 1.
func Main(address, key string, handler Handler, options ...WorkerOption) {
	t, err := Open(address)
	if err == nil {
		err = Run(context.Background(), t.Worker(key, handler, options...))
	}
	if err != nil {
		slog.Error("tsgen: the worker has ended", "key", key, "error", err)
		os.Exit(1)
	}
}

// Open makes a Tsgen with a client of its own, of a URL: redis://, rediss:// and unix:// as redis.ParseURL takes them;
// sentinel://user:password@host:port,host:port/master/database, where the credentials are those of the master;
// cluster://user:password@host:port,host:port. By TLS it is sentinels:// and clusters://. Behind a ? stand options of go-redis, such as
// pool_size=20; without max_retries no command is repeated by itself, but in a cluster. An empty URL is redis://localhost:6379. It does not
// connect yet.
func Open(address string) (*Tsgen, error) {
	client, err := clientOf(cmp.Or(address, "redis://localhost:6379"))
	// Its error names parts of the URL, and there may be a password in them.
	var told *url.Error
	if errors.As(err, &told) {
		err = errors.New("it is not scheme://user:password@host:port; what is special in a password is written as %40 for @, %2F for / and so on")
	}
	if err != nil {
		return nil, fmt.Errorf("tsgen: the URL of the server: %w", err)
	}
	return New(client), nil
}

func clientOf(address string) (redis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	kind := strings.TrimSuffix(scheme, "s")
	if kind != "sentinel" && kind != "cluster" {
		options, err := redis.ParseURL(address)
		if err != nil {
			return nil, err
		}
		options.MaxRetries = cmp.Or(options.MaxRetries, -1)
		return redis.NewClient(options), nil
	}
	// go-redis takes the URL of one host, and all else behind the question mark.
	place, query, _ := strings.Cut(rest, "?")
	at := strings.LastIndex(place, "@") + 1
	hosts, path, _ := strings.Cut(place[at:], "/")
	first, others, _ := strings.Cut(hosts, ",")
	one, err := url.Parse("redis" + strings.TrimPrefix(scheme, kind) + "://" + place[:at] + first + "?" + query)
	if err != nil {
		return nil, err
	}
	words := one.Query()
	if others != "" {
		words["addr"] = strings.Split(others, ",")
	}
	if kind == "cluster" {
		return clusterClient(one, words)
	}
	return sentinelClient(one, words, path)
}

func clusterClient(one *url.URL, words url.Values) (redis.UniversalClient, error) {
	one.RawQuery = words.Encode()
	options, err := redis.ParseClusterURL(one.String())
	if err != nil {
		return nil, err
	}
	eachByItsName(options.TLSConfig)
	return redis.NewClusterClient(options), nil
}

func sentinelClient(one *url.URL, words url.Values, path string) (redis.UniversalClient, error) {
	master, database, _ := strings.Cut(path, "/")
	if master == "" {
		return nil, errors.New("sentinel://host:port,host:port/master: the name of the master is missing")
	}
	password, _ := one.User.Password()
	words.Set("master_name", master)
	words.Set("username", one.User.Username())
	words.Set("password", password)
	one.User, one.Path, one.RawQuery = nil, database, words.Encode()
	options, err := redis.ParseFailoverURL(one.String())
	if err != nil {
		return nil, err
	}
	options.MaxRetries = cmp.Or(options.MaxRetries, -1)
	eachByItsName(options.TLSConfig)
	return redis.NewFailoverClient(options), nil
}

// eachByItsName: the certificate of a host is for its own name. go-redis asks for that of the first one.
func eachByItsName(config *tls.Config) {
	if config != nil {
		config.ServerName = ""
	}
}
