// Package config holds what a process is told from outside and says everything
// that is wrong with it at once.
package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Serve configures the one-machine edition.
type Serve struct {
	Addr        string        // where to listen, host:port
	Data        string        // the data directory
	Key         string        // the operator key, instead of a generated one
	TLSCert     string        // PEM files
	TLSKey      string        //
	BehindProxy bool          // a proxy in front speaks TLS
	Slots       int           // deliveries in hand at once
	Grace       time.Duration // how long requests and jobs may go on after the stop
	MaxAge      time.Duration // how old the oldest write may be before more are refused
	RateKey     int           // writes a second of one key; 0 for no limit
	RateBook    int           // writes a second of one book; 0 for no limit
	Access
}

// minKey is the least characters that an operator key of one's own may have.
const minKey = 16

// ServeText is the configuration as it was typed, in flags or the environment.
type ServeText struct {
	Addr, Data, Key, TLSCert, TLSKey, BehindProxy, Slots, Grace, MaxAge, RateKey, RateBook string
	AccessText
}

// Parse reads the configuration or reports every mistake, each by its flag.
func (t ServeText) Parse() (Serve, error) {
	var errs []error
	wrong := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s %s", flag, fmt.Sprintf(format, args...)))
	}
	c := Serve{Addr: t.Addr, Data: t.Data, Key: t.Key, TLSCert: t.TLSCert, TLSKey: t.TLSKey}
	var err error
	if c.BehindProxy, err = strconv.ParseBool(t.BehindProxy); err != nil {
		wrong("behind-proxy", "must be true or false")
	}
	if c.Slots, err = strconv.Atoi(t.Slots); err != nil || c.Slots < 1 || c.Slots > 1000 {
		wrong("slots", "must be a number from 1 to 1000")
	}
	if c.Grace, err = time.ParseDuration(t.Grace); err != nil || c.Grace <= 0 || c.Grace > 10*time.Minute {
		wrong("grace", "must be a time of at most 10m, such as 20s")
	}
	if c.MaxAge, err = time.ParseDuration(t.MaxAge); err != nil || c.MaxAge <= 0 || c.MaxAge > 7*24*time.Hour {
		wrong("max-age", "must be a time of at most 168h, such as 24h")
	}
	if c.RateKey, err = strconv.Atoi(t.RateKey); err != nil || c.RateKey < 0 {
		wrong("rate-key", "must be a number of writes a second, 0 for no limit")
	}
	if c.RateBook, err = strconv.Atoi(t.RateBook); err != nil || c.RateBook < 0 {
		wrong("rate-book", "must be a number of writes a second, 0 for no limit")
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		wrong("addr", "must be host:port, such as 127.0.0.1:8080")
	} else if !loopback(host) && c.TLSCert == "" && !c.BehindProxy {
		wrong("addr", "is off loopback: give --tls-cert and --tls-key, or --behind-proxy if one speaks TLS in front")
	}
	if c.Data == "" {
		wrong("data", "must name a directory")
	}
	if c.Key != "" && len(c.Key) < minKey {
		wrong("key", "must have at least %d characters", minKey)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		wrong("tls-cert", "and --tls-key go together")
	}
	c.Access = t.AccessText.parse(wrong)
	return c, errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
