package arrive

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

const (
	// Attempts is how often a porter has an object dealt with before it is given up.
	Attempts = 5
	// porterQueue is how many objects wait for each route. What finds no room is
	// looked for in the store instead.
	porterQueue = 256
	// porterPage is how many objects are listed at once.
	porterPage = 100
	// firstPause and lastPause bound what passes between two attempts.
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// Porter does in one process what S3 and Lambda do on AWS: it takes uploads, and hands
// what landed to the router, each route in a goroutine of its own, one object after
// another. It is a blob.Inbox, and safe for concurrent use. What waits in memory is no
// more than a hint: what was not dealt with before a crash still lies in the store,
// and is found there at the next start.
type Porter struct {
	Store  blob.Store
	Inbox  blob.Inbox
	Router *Router
	// Pause is what passes before the next attempt, by the number of those that
	// failed. Nil for the usual: doubling from a second to half a minute.
	Pause func(failed int) time.Duration
	Log   *slog.Logger

	once   sync.Once
	queues []chan Object // of each route
	missed []chan struct{}
}

var _ blob.Inbox = (*Porter)(nil)

func (p *Porter) ready() {
	p.once.Do(func() {
		for range p.Router.Routes {
			p.queues = append(p.queues, make(chan Object, porterQueue))
			p.missed = append(p.missed, make(chan struct{}, 1))
		}
	})
}

// Accept is blob.Inbox's. What it has accepted has landed.
func (p *Porter) Accept(ctx context.Context, token, contentType string, length int64, body io.Reader) (blob.Object, error) {
	o, err := p.Inbox.Accept(ctx, token, contentType, length, body)
	if err == nil {
		p.Land(o)
	}
	return o, err
}

// Land hands over an object that landed. It never waits.
func (p *Porter) Land(o blob.Object) {
	p.ready()
	for i, route := range p.Router.Routes {
		if !strings.HasPrefix(o.Key, route.Prefix) {
			continue
		}
		select {
		case p.queues[i] <- p.landed(o):
		default:
			signal(p.missed[i])
		}
		return
	}
}

func (p *Porter) landed(o blob.Object) Object {
	return Object{Bucket: p.Router.Bucket, Key: o.Key, Version: o.Version, Size: o.Size, At: o.ModifiedAt}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run deals with what lies in the store and then with what lands, until ctx ends and
// what was begun is over. What is left then is found at the next start.
func (p *Porter) Run(ctx context.Context) {
	p.ready()
	var all sync.WaitGroup
	for i, route := range p.Router.Routes {
		if route.Leftovers {
			signal(p.missed[i])
		}
		all.Go(func() { p.serve(ctx, route, p.queues[i], p.missed[i]) })
	}
	all.Wait()
}

func (p *Porter) serve(ctx context.Context, route Route, queue chan Object, missed chan struct{}) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case o := <-queue:
			p.carry(ctx, route, o)
		case <-missed:
			if route.Leftovers {
				p.leftovers(ctx, route)
			}
		}
	}
}

// leftovers deals with all that lies below a prefix.
func (p *Porter) leftovers(ctx context.Context, route Route) {
	for after, more := "", true; more && ctx.Err() == nil; {
		page, err := p.Store.List(ctx, route.Prefix, after, porterPage)
		if err != nil && ctx.Err() == nil {
			p.Log.ErrorContext(ctx, "what landed could not be listed", "prefix", route.Prefix, "error", err)
		}
		if err != nil {
			return
		}
		for _, listed := range page.Objects {
			o, err := p.Store.Stat(ctx, listed.Key) // lists tell no version
			if err == nil {
				p.carry(ctx, route, p.landed(o))
			}
		}
		after, more = page.Next, page.Next != ""
	}
}

// carry has an object dealt with, or given up. An attempt that has begun is let end.
// A store that is down is not the object's fault, and burns no attempt.
func (p *Porter) carry(ctx context.Context, route Route, o Object) {
	finish := context.WithoutCancel(ctx)
	for failed := 0; ; {
		err := route.Handler.Arrived(finish, o)
		if err == nil {
			return
		}
		if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Throttled) {
			failed++
		}
		p.Log.WarnContext(ctx, "what landed could not be dealt with", "key", o.Key, "failed", failed, "error", err)
		if failed >= Attempts {
			if err = route.Handler.GiveUp(finish, o, err); err == nil {
				return
			}
			p.Log.ErrorContext(ctx, "what landed could not be given up", "key", o.Key, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(p.pause(failed)):
		}
	}
}

func (p *Porter) pause(failed int) time.Duration {
	if p.Pause != nil {
		return p.Pause(failed)
	}
	most := min(lastPause, firstPause<<max(failed-1, 0))
	return most/2 + rand.N(most/2)
}
