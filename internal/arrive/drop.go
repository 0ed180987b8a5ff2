package arrive

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/tabular"
)

// Drops reads the files that are dropped, once, and has their rows applied. It is a
// Handler, and safe for concurrent use. Its fields are set once.
type Drops struct {
	Imports *intake.Imports
	// Spool is the folder where a gzipped file is expanded before it is stored; empty
	// for that of the system.
	Spool string
	Log   *slog.Logger
}

// tries is how often somebody else may change the record of an import meanwhile.
const tries = 5

// Arrived is Handler's: it makes an import of an object, or goes on with the one that
// there is. What is wrong with the file is written down in the import, and is no
// error. An object without a version is the current one.
func (d *Drops) Arrived(ctx context.Context, l Object) error {
	for range tries {
		i, err := d.admit(ctx, l)
		if err == nil {
			switch {
			case i.State == drop.Reading:
				err = d.read(ctx, i)
			case intake.Unsent(i):
				_, err = d.Imports.Send(ctx, i.ID)
			}
		}
		if !fault.Is(err, fault.Changed) && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return fault.New(fault.Unavailable, "The import of %s is being changed by others.", l.Key)
}

// GiveUp is Handler's. The import tells what can be done, and the log why it failed.
func (d *Drops) GiveUp(ctx context.Context, l Object, why error) error {
	i, err := d.admit(ctx, l)
	if err != nil || i.State != drop.Reading {
		return err
	}
	d.Log.ErrorContext(ctx, "an import was given up", "import", i.ID, "error", why)
	return d.fail(ctx, i, nil, fault.New(fault.Unavailable, "The file could not be read, however often it was tried: drop it again. Operators find the cause in the log."))
}

// admit returns the import of an object. The zero one has no state: there is
// nothing to be done.
func (d *Drops) admit(ctx context.Context, l Object) (drop.Import, error) {
	if err := blob.CheckKey(l.Key); err != nil {
		return d.refuseKey(ctx, l, err)
	}
	object, err := d.object(ctx, l)
	gone := fault.Is(err, fault.NotFound) || fault.Is(err, fault.Changed)
	if err != nil && !gone {
		return drop.Import{}, err
	}
	if gone {
		object = blob.Object{Key: l.Key, Version: l.Version}
	}
	i, err := d.announced(ctx, object)
	if fault.Is(err, fault.NotFound) {
		i, err = d.Imports.Drops.Get(ctx, derivedID(object))
	}
	switch {
	case fault.Is(err, fault.NotFound) && gone:
		d.Log.InfoContext(ctx, "a drop was gone before it was read", "key", l.Key)
		return drop.Import{}, nil
	case fault.Is(err, fault.NotFound):
		return d.create(ctx, l, object)
	case err != nil:
		return i, err
	case gone && i.State == drop.Reading:
		return drop.Import{}, d.fail(ctx, i, nil, fault.New(fault.NotFound, "The file was deleted or overwritten before it was read."))
	case gone || i.State != drop.AwaitingUpload:
		return i, nil
	}
	next := i
	next.State, next.Version, next.Bytes, next.ArrivedAt = drop.Reading, object.Version, object.Size, d.arrival(l)
	if err := d.Imports.Drops.Update(ctx, i, next); err != nil {
		return i, err
	}
	return d.Imports.Drops.Get(ctx, i.ID)
}

// object describes the very object that has landed.
func (d *Drops) object(ctx context.Context, l Object) (blob.Object, error) {
	if l.Version == "" {
		return d.Imports.Objects.Stat(ctx, l.Key)
	}
	body, object, err := d.Imports.Objects.Get(ctx, l.Key, l.Version, blob.Range{Length: 1})
	if err != nil {
		return object, err
	}
	return object, body.Close()
}

// announced returns the import whose upload this object is; fault.NotFound.
func (d *Drops) announced(ctx context.Context, o blob.Object) (drop.Import, error) {
	name, _, _ := strings.Cut(strings.TrimPrefix(o.Key, drop.Folder), "/")
	id, err := uuid.Parse(name)
	if err != nil || len(name) != 36 {
		return drop.Import{}, fault.New(fault.NotFound, "This is no upload.")
	}
	i, err := d.Imports.Drops.Get(ctx, id)
	if err == nil && (i.Key != o.Key || i.Version != "" && o.Version != "" && i.Version != o.Version) {
		err = fault.New(fault.NotFound, "This is another object than the one uploaded.")
	}
	return i, err
}

// derivedID is that of the import of an object that somebody put into the drop, so
// that it is one import however often it is told of.
func derivedID(o blob.Object) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:acervo:drop:"+o.Version+":"+o.Key))
}

// arrival is when an object arrived: never later than now, since its rows would
// win over what is written until then.
func (d *Drops) arrival(l Object) time.Time {
	now := d.now()
	if l.At.IsZero() || l.At.After(now) {
		return now
	}
	return l.At.UTC().Truncate(time.Millisecond)
}

func (d *Drops) now() time.Time { return d.Imports.Now().UTC().Truncate(time.Millisecond) }

// create records the import of an object that nobody announced.
func (d *Drops) create(ctx context.Context, l Object, o blob.Object) (drop.Import, error) {
	at := d.arrival(l)
	i := drop.Import{
		ID: derivedID(o), Filename: path.Base(o.Key), State: drop.Reading, Mode: drop.Apply,
		Key: o.Key, Version: o.Version, Bytes: o.Size, SubmittedAt: at, ArrivedAt: at,
	}
	if err := d.Imports.Drops.Create(ctx, i); err != nil {
		return i, err
	}
	return d.Imports.Drops.Get(ctx, i.ID)
}

// refuseKey records an object that cannot be read for its name.
func (d *Drops) refuseKey(ctx context.Context, l Object, why error) (drop.Import, error) {
	at := d.arrival(l)
	problem := fault.ProblemOf(fault.Wrap(fault.Invalid, why, "The file cannot be imported under its name: give it a plain one and drop it again. %s", detail(why)))
	name := strings.ToValidUTF8(l.Key[max(0, len(l.Key)-200):], "_")
	i := drop.Import{
		ID: derivedID(blob.Object{Key: l.Key, Version: l.Version}), Filename: path.Base(name), State: drop.Failed, Mode: drop.Apply,
		Key: name, SubmittedAt: at, ArrivedAt: at, FinishedAt: at, Error: &problem,
	}
	err := d.Imports.Drops.Create(ctx, i)
	if fault.Is(err, fault.Conflict) { // told before
		err = nil
	}
	return drop.Import{}, err
}

func detail(err error) string {
	if told, ok := errors.AsType[*fault.Error](err); ok {
		return told.Detail
	}
	return ""
}

// read reads a file, and has its rows applied or compared. It ends the import when
// that cannot be done.
func (d *Drops) read(ctx context.Context, i drop.Import) error {
	next, plan, err := d.scan(ctx, i)
	if final(err) {
		return d.fail(ctx, next, &plan, err)
	}
	if err != nil {
		return err
	}
	if err := d.Imports.KeepPlan(ctx, i.ID, plan); err != nil {
		return err
	}
	next.State = drop.Queued
	if i.Mode == drop.Apply {
		if err := d.claim(ctx, &next); err != nil {
			return err
		}
	}
	if err := d.Imports.Drops.Update(ctx, i, next); err != nil {
		return err
	}
	d.Log.InfoContext(ctx, "a drop was read", "import", i.ID, "rows", next.Total, "chunks", next.Chunks, "state", next.State)
	_, err = d.Imports.Send(ctx, i.ID)
	return err
}

// final reports whether trying again would not help.
func final(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.TooLarge, fault.MediaType, fault.Gone, fault.Damaged:
		return true
	default:
		return false
	}
}

// claim makes the import the one that applies these bytes, or a copy of the one
// that does.
func (d *Drops) claim(ctx context.Context, i *drop.Import) error {
	holder, err := d.Imports.Claim(ctx, *i)
	if err != nil {
		return err
	}
	if holder != i.ID {
		i.State, i.DuplicateOf, i.FinishedAt = drop.Succeeded, holder, d.now()
		return nil
	}
	i.Alone, err = d.Imports.Alone(ctx, *i)
	return err
}

// fail ends an import for what is wrong with its file. Of a list without what it
// needs the columns are told.
func (d *Drops) fail(ctx context.Context, i drop.Import, p *tabular.Plan, why error) error {
	read, err := d.Imports.Drops.Get(ctx, i.ID)
	if err != nil || read.State.Terminal() {
		return err
	}
	next := read.Fail(why).Stopped(d.now())
	if p != nil && len(p.Columns) > 0 {
		next.Format = format(*p)
	}
	d.Log.InfoContext(ctx, "a drop cannot be imported", "import", i.ID, "problem", next.Error.Type)
	return d.Imports.Drops.Update(ctx, read, next)
}
