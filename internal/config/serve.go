// Package config holds what a process is told from outside and says everything
// that is wrong with it at once.
package config

import (
	"errors"
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
	Slots       int           // writes in hand at once
	ImportSlots int           // chunks of imports in hand at once
	Grace       time.Duration // how long requests and jobs may go on after the stop
	MaxAge      time.Duration // how old the oldest write may be before more are refused
	RateKey     int           // writes a second of one key; 0 for no limit
	RateBook    int           // writes a second of one book; 0 for no limit
	Access
}

// ServeText is the configuration as it was typed, in flags or the environment.
type ServeText struct {
	Addr, Data, Key, TLSCert, TLSKey, BehindProxy, Slots, ImportSlots, Grace, MaxAge, RateKey, RateBook string
	AccessText
}

// Parse reads the configuration or reports every mistake, each by its flag.
func (t ServeText) Parse() (Serve, error) {
	var m mistakes
	wrong := wrong(m.add)
	c := Serve{
		Addr: t.Addr, Data: t.Data, TLSCert: t.TLSCert, TLSKey: t.TLSKey,
		BehindProxy: wrong.yes("behind-proxy", t.BehindProxy),
		Slots:       wrong.slots("slots", t.Slots),
		ImportSlots: wrong.slots("import-slots", t.ImportSlots),
		Grace:       wrong.grace(t.Grace),
		MaxAge:      wrong.maxAge(t.MaxAge),
		RateKey:     wrong.rate("rate-key", t.RateKey),
		RateBook:    wrong.rate("rate-book", t.RateBook),
	}
	if host, ok := wrong.host(c.Addr); ok && !loopback(host) && c.TLSCert == "" && !c.BehindProxy {
		wrong("addr", "is off loopback: give --tls-cert and --tls-key, or --behind-proxy if one speaks TLS in front")
	}
	if c.Data == "" {
		wrong("data", "must name a directory")
	}
	c.Key = wrong.key(t.Key)
	if (c.TLSCert == "") != (c.TLSKey == "") {
		wrong("tls-cert", "and --tls-key go together")
	}
	c.Access = t.AccessText.parse(wrong)
	return c, errors.Join(m...)
}
