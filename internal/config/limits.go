package config

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// mistakes collects them, each by its flag.
type mistakes []error

func (m *mistakes) add(flag, format string, args ...any) {
	*m = append(*m, fmt.Errorf("--%s %s", flag, fmt.Sprintf(format, args...)))
}

// wrong is told of a mistake by its flag.
type wrong func(flag, format string, args ...any)

// The functions below read one option each, or tell wrong what it must be.

func (w wrong) slots(flag, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		w(flag, "must be a number from 1 to 1000")
	}
	return n
}

func (w wrong) grace(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > 10*time.Minute {
		w("grace", "must be a time of at most 10m, such as 20s")
	}
	return d
}

// lease is in the whole seconds in which SQS counts.
func (w wrong) lease(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 2*time.Second || d > 10*time.Minute || d%time.Second != 0 {
		w("lease", "must be a time in whole seconds from 2s to 10m, such as 30s")
	}
	return d
}

func (w wrong) maxAge(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > 7*24*time.Hour {
		w("max-age", "must be a time of at most 168h, such as 24h")
	}
	return d
}

func (w wrong) rate(flag, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		w(flag, "must be a number of writes a second, 0 for no limit")
	}
	return n
}

func (w wrong) yes(flag, text string) bool {
	b, err := strconv.ParseBool(text)
	if err != nil {
		w(flag, "must be true or false")
	}
	return b
}

// host is that of an address to listen on, empty with a mistake.
func (w wrong) host(addr string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(addr)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		w("addr", "must be host:port, such as 127.0.0.1:8080")
		return "", false
	}
	return host, true
}

// minKey is the least characters that an operator key of one's own may have.
const minKey = 16

func (w wrong) key(text string) string {
	if text != "" && len(text) < minKey {
		w("key", "must have at least %d characters", minKey)
	}
	return text
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
