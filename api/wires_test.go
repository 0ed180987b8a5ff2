package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// engineWire is what lies between the processes and an engine.
type engineWire struct {
	*toxiproxy.Proxy
	url string
}

// newWire leads to an engine, over a way of some length that is never the same.
func newWire(t *testing.T, engine string) *engineWire {
	t.Helper()
	at, err := url.Parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &engineWire{Proxy: toxiproxy.NewProxy(server, at.Host, "127.0.0.1:0", at.Host)}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	w.url = "http://" + w.Listen
	w.add(t, `{"name": "length", "type": "latency", "stream": "downstream", "attributes": {"latency": 5, "jitter": 5}}`)
	return w
}

// breaks has connections break, in one of three: half of them before the engine
// has heard a request, half of them before its answer comes through.
func (w *engineWire) breaks(t *testing.T) {
	t.Helper()
	w.add(t, `{"name": "deaf", "type": "reset_peer", "stream": "upstream", "toxicity": 0.15, "attributes": {"timeout": 0}}`)
	w.add(t, `{"name": "mute", "type": "reset_peer", "stream": "downstream", "toxicity": 0.15, "attributes": {"timeout": 0}}`)
}

// delays has requests on every other connection arrive after so long.
func (w *engineWire) delays(t *testing.T, d time.Duration) {
	t.Helper()
	w.add(t, fmt.Sprintf(`{"name": "late", "type": "latency", "stream": "upstream", "toxicity": 0.5, "attributes": {"latency": %d}}`,
		d.Milliseconds()))
}

// heals ends what breaks and delays began.
func (w *engineWire) heals(t *testing.T) {
	t.Helper()
	for _, name := range []string{"deaf", "mute", "late"} {
		if w.Toxics.GetToxic(name) == nil {
			continue
		}
		if err := w.Toxics.RemoveToxic(context.Background(), name); err != nil {
			t.Error(err)
		}
	}
}

func (w *engineWire) add(t *testing.T, toxic string) {
	t.Helper()
	if _, err := w.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Error(err)
	}
}
