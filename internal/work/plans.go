package work

import (
	"context"
	"io"
	"sync"

	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/tabular"
)

const (
	// maxPlans is how many plans a process keeps: of as many imports as it works on.
	maxPlans = 4
	// maxPlanBytes bounds the encoded plan, of which a file of a million rows has a
	// quarter of a megabyte, and one of 65,536 duplicates some three.
	maxPlanBytes = 64 << 20
)

// plans keeps the plans of the latest imports. Its zero value is ready.
type plans struct {
	mu   sync.Mutex
	kept []*planOf // the one used last comes last
}

// planOf is what is kept of a plan.
type planOf struct {
	id         uuid.UUID
	reader     *tabular.Reader
	duplicates map[uuid.UUID]int64
	overflow   bool
}

// get returns the plan of an import, from its object unless it is kept.
func (p *plans) get(ctx context.Context, objects blob.Store, i drop.Import) (*planOf, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, plan := range p.kept {
		if plan.id == i.ID {
			p.kept = append(append(p.kept[:n:n], p.kept[n+1:]...), plan)
			return plan, nil
		}
	}
	plan, err := load(ctx, objects, i)
	if err != nil {
		return nil, err
	}
	p.kept = append(p.kept, plan)
	p.kept = p.kept[max(0, len(p.kept)-maxPlans):]
	return plan, nil
}

// load reads a plan. Years are bounded by the arrival of the file, so that a row
// says the same whenever it is read.
func load(ctx context.Context, objects blob.Store, i drop.Import) (*planOf, error) {
	body, _, err := objects.Get(ctx, drop.PlanKey(i.ID), "", blob.Range{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(body, maxPlanBytes))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the plan of import %s", i.ID)
	}
	plan, err := tabular.DecodePlan(raw)
	if err != nil {
		return nil, err
	}
	plan.Chunks, plan.Preview = nil, nil // what the messages say
	return &planOf{id: i.ID, reader: tabular.NewReader(plan, i.ArrivedAt), duplicates: plan.Duplicates, overflow: plan.Overflow}, nil
}

// row makes a row of an import of one of its file.
func (p *planOf) row(i drop.Import, read tabular.Row) *rowOf {
	r := &rowOf{offset: read.Offset}
	r.Token = book.Token{ArrivedAt: i.ArrivedAt, Import: i.ID, Line: read.Line}
	r.Draft, r.warnings, r.failures = p.reader.Draft(read)
	if len(r.failures) > 0 {
		return r
	}
	r.id = p.reader.ID(read, r.Draft)
	_, twin := p.duplicates[r.id]
	r.Once = i.Alone && !twin && !p.overflow
	return r
}
