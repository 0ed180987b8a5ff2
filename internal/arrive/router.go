package arrive

import (
	"context"
	"errors"
	"log/slog"
	"strings"
)

// Handler deals with the objects of one prefix. It is safe for concurrent use.
type Handler interface {
	// Arrived does what there is to do about an object. It returns nil when nothing is
	// left to do, also because the object is gone or no concern of ours; after an error
	// it is called again. It may be called twice for one object, also at once, and for
	// objects in any order.
	Arrived(ctx context.Context, o Object) error

	// GiveUp writes down that Arrived has failed for the last time, and why, so that
	// somebody can decide about it. After an error it is called again.
	GiveUp(ctx context.Context, o Object, why error) error
}

// Route says who deals with what lands below a prefix.
type Route struct {
	Prefix  string // with the slash at its end
	Handler Handler
	// Leftovers says that Arrived removes what it has dealt with, so that whatever lies
	// there when a process starts is still to be dealt with.
	Leftovers bool
}

// Router hands objects to the handlers of their prefixes. What lies elsewhere, all
// that Acervo itself makes included, has none and is passed over: no output comes
// back as input. It is safe for concurrent use.
type Router struct {
	// Bucket is the only one whose objects are ours.
	Bucket string
	Routes []Route
	Log    *slog.Logger
}

// Event deals with every object of an event of S3. Those after one that fails are
// dealt with too. What is no event of S3 is fault.Syntax.
func (r *Router) Event(ctx context.Context, event []byte) error {
	objects, err := Decode(event)
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range objects {
		errs = append(errs, r.Arrived(ctx, o))
	}
	return errors.Join(errs...)
}

// Arrived is Handler's, for every prefix.
func (r *Router) Arrived(ctx context.Context, o Object) error {
	route, ok := r.route(ctx, o)
	if !ok {
		return nil
	}
	return route.Handler.Arrived(ctx, o)
}

// GiveUp is Handler's, for every prefix.
func (r *Router) GiveUp(ctx context.Context, o Object, why error) error {
	route, ok := r.route(ctx, o)
	if !ok {
		return nil
	}
	return route.Handler.GiveUp(ctx, o, why)
}

// route finds the handler of an object.
func (r *Router) route(ctx context.Context, o Object) (Route, bool) {
	if o.Bucket != r.Bucket {
		r.Log.WarnContext(ctx, "an object landed in a bucket that is not ours and is passed over", "bucket", o.Bucket)
		return Route{}, false
	}
	for _, route := range r.Routes {
		if strings.HasPrefix(o.Key, route.Prefix) {
			return route, true
		}
	}
	return Route{}, false
}
