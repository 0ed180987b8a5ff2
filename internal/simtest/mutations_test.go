package simtest_test

// mutation is one way to break the product: a text that stands once in a file
// and what takes its place.
type mutation struct{ name, file, old, new string }

const (
	applyGo    = "internal/work/apply.go"
	decideGo   = "internal/work/decide.go"
	recordGo   = "internal/work/record.go"
	runnerGo   = "internal/work/runner.go"
	handleGo   = "internal/work/handle.go"
	submitGo   = "internal/intake/submit.go"
	deadGo     = "internal/intake/dead.go"
	booksGo    = "internal/sqlite/books.go"
	jobsGo     = "internal/sqlite/jobs.go"
	laneGo     = "internal/sqlite/lane.go"
	scheduleGo = "internal/sqlite/schedule.go"
	bulkGo     = "internal/sqlite/bulk.go"
	rowGo      = "internal/book/row.go"
	coversGo   = "internal/arrive/covers.go"
)

// mutations are the ways in which the simulator has to notice that the product
// is broken.
func mutations() []mutation {
	return []mutation{
		{
			"Swap ignores the version", booksGo,
			"version != read.Version || fence != read.Fence", "version < 0 || fence != read.Fence",
		},
		{
			"Swap ignores the fence", booksGo,
			"version != read.Version || fence != read.Fence", "version != read.Version || fence < 0",
		},
		{
			"the record is read before the book", applyGo,
			"	item, damage := a.books.Get(ctx, m.BookID)\n	if damage != nil && !fault.Is(damage, fault.Damaged) {\n		return damage\n	}\n	r, err := a.record(ctx, m)\n	if err != nil {\n		return err\n	}\n",
			"	r, err := a.record(ctx, m)\n	if err != nil {\n		return err\n	}\n	item, damage := a.books.Get(ctx, m.BookID)\n	if damage != nil && !fault.Is(damage, fault.Damaged) {\n		return damage\n	}\n",
		},
		{"last_job is not looked at", decideGo, "case r.item.LastJob == m.Job:", "case false:"},
		{
			"last_job_version is taken from the version", decideGo,
			"succeeded(m, r, r.item.LastJobVersion)", "succeeded(m, r, r.item.Version)",
		},
		{
			"passing refusals are saved without the check", applyGo,
			"return a.jobs.SaveIfUnchanged(ctx, d.record, item)", "return a.save(ctx, d.record)",
		},
		{"not found counts as a refusal for good", decideGo, "	default:\n		return true\n", "	default:\n		return fault.KindOf(err) != fault.NotFound\n"},
		{"an If-Match ahead counts as a refusal for good", decideGo, "return !behind && !taken", "return !behind && !taken && false"},
		{
			"a burial does not raise the fence", jobsGo,
			"		if err := t.raiseFence(read, now); err != nil {\n			return err\n		}\n", "",
		},
		{
			"a burial ignores the book", jobsGo,
			"		if err := t.unchanged(read, now); err != nil {\n			return err\n		}\n		if err := t.raiseFence",
			"		if err := t.raiseFence",
		},
		{
			"a burial ignores the record", jobsGo,
			"			return err\n		}\n		return t.saveRecord(rec, now)\n	})\n	if malformed(err) {",
			"			return err\n		}\n		return t.putRecord(rec, now)\n	})\n	if malformed(err) {",
		},
		{
			"a record of a later generation does not end a job", decideGo,
			"r.record.Generation > generation || ", "",
		},
		{
			"a terminal record does not end a job", decideGo,
			" || r.record.Generation == generation && r.record.State.Terminal()", "",
		},
		{"Save ignores the generation", jobsGo, "ended = s.ColumnInt(0) != rec.Generation || ", "ended = "},
		{
			"Save ignores the terminal state", jobsGo,
			" || job.State(s.ColumnText(1)).Terminal()", "",
		},
		{
			"the second burial notes a new version", recordGo,
			"	if rec.Burial == nil {\n", "	if true {\n",
		},
		{
			"a retry is not superseded", decideGo,
			"case m.Generation > 1 && (", "case false && (",
		},
		{
			"the rest of the group is not given back", runnerGo,
			"r.release(work, leases, deliveries[i:], outcome.Delay)", "r.release(work, leases, deliveries[i:i+1], outcome.Delay)\n			continue",
		},
		{
			"the rest of the group goes on after a failure", runnerGo,
			"			r.release(work, leases, deliveries[i:], outcome.Delay)\n			if outcome.Down {\n				r.valve.set(func(v *valve) { v.down = true })\n			}\n			return\n",
			"			r.release(work, leases, deliveries[i:i+1], outcome.Delay)\n			continue\n",
		},
		{
			"a message is deleted although its job has to come again", runnerGo,
			"		if outcome, ok := r.do(ctx, d); !ok {", "		if outcome, ok := r.do(ctx, d); !ok && outcome.Delay == 0 {",
		},
		{
			"a message is deleted before its job is done", runnerGo,
			"		if outcome, ok := r.do(ctx, d); !ok {", "		_ = r.Lane.Delete(context.WithoutCancel(work), d.Handle)\n		if outcome, ok := r.do(ctx, d); !ok {",
		},
		{
			"a retry is sent before it is stored", deadGo,
			"			err = in.Jobs.Amend(ctx, rec, next)\n",
			"			if err := then(ctx, next); err != nil {\n				return err\n			}\n			err = in.Jobs.Amend(ctx, rec, next)\n",
		},
		{
			"a job whose retry was asked for can be discarded", deadGo,
			"		if rec.RetryAsked() {\n			return rec, fault.New(fault.Conflict, \"A retry of the job is under way.\")\n		}\n", "",
		},
		{
			"a row ignores that it has been here", rowGo,
			"	case order == 0:\n		return read.Row.Did, read, false\n", "	case false:\n",
		},
		{"a row ignores later rows", rowGo, "order > 0 || read.AcceptedAt", "read.AcceptedAt"},
		{"a row ignores the accept time", rowGo, "order > 0 || read.AcceptedAt.After(r.Token.ArrivedAt)", "order > 0"},
		{"a row leaves no token", rowGo, "	next.Row = r.Token\n", ""},
		{"a row that changes nothing never leaves its token", rowGo, "return RowUnchanged, next, !r.Once", "return RowUnchanged, next, false"},
		{"a row that changes nothing does not raise the fence", rowGo, "		next.Fence++\n", ""},
		{
			"a row that changes nothing raises the version", rowGo,
			"		next.Row.Did = RowUnchanged\n		next.Fence++\n", "		next.Row.Did = RowUnchanged\n		next.Version++\n",
		},
		{"a row does not say what it did", rowGo, "	next.Row.Did = RowChanged\n", ""},
		{
			"a row takes the accept time of its file", rowGo,
			"	next.Existence, next.Draft = Live, draft\n",
			"	next.Existence, next.Draft = Live, draft\n	next.AcceptedAt = r.Token.ArrivedAt\n",
		},
		{
			"a row forgets the job that wrote last", rowGo,
			"	next.Existence, next.Draft = Live, draft\n", "	next.Existence, next.Draft = Live, draft\n	next.LastJob = \"\"\n",
		},
		{
			"a write of the lane drops the token of a row", decideGo,
			"	next.LastJob, next.LastJobVersion = m.Job, next.Version\n",
			"	next.LastJob, next.LastJobVersion = m.Job, next.Version\n	next.Row = book.Token{}\n",
		},
		{
			"many swaps ignore what was read", bulkGo,
			"err := t.swap(changes[i].Read, changes[i].Next, now)", "err := t.putBook(changes[i].Next, now)",
		},
		{
			"a retry that was asked for is asked for anew", deadGo,
			"		if rec.RetryAsked() {\n			if o.Edit", "		if false {\n			if o.Edit",
		},
		{
			"an amendment overwrites what it has not read", jobsGo,
			"same = s.ColumnInt64(0) == read.Revision", "same = true",
		},
		{
			"a retry is stored and never sent again", deadGo,
			"				return rec, fault.New(fault.Conflict, \"A retry of the job is under way, it cannot be edited now.\")\n			}\n			return rec, nil",
			"				return rec, fault.New(fault.Conflict, \"A retry of the job is under way, it cannot be edited now.\")\n			}\n			return rec, fault.New(fault.Conflict, \"A retry is under way.\")",
		},
		{
			"a claim is marked as sent before the send", submitGo,
			"		if err := in.send(ctx, receipt, w); err != nil {\n			return job.Job{}, false, err\n		}\n		if err := in.Claims.MarkSent(ctx, claim); err != nil {\n			return job.Job{}, false, err\n		}\n",
			"		if err := in.Claims.MarkSent(ctx, claim); err != nil {\n			return job.Job{}, false, err\n		}\n		if err := in.send(ctx, receipt, w); err != nil {\n			return job.Job{}, false, err\n		}\n",
		},
		{"whoever finds a claim takes it for sent", submitGo, "	if !claim.Sent {\n", "	if !claim.Sent && mine {\n"},
		{
			"a second claim of a key replaces the first", jobsGo,
			"expires_at = excluded.expires_at WHERE expires_at <= ?`", "expires_at = excluded.expires_at WHERE expires_at <= ? OR true`",
		},
		{
			"a failed send is taken for a good one", submitGo,
			"	if err := in.send(ctx, receipt, w); err != nil {\n		return job.Job{}, false, err\n	}\n	return queued",
			"	_ = in.send(ctx, receipt, w)\n	return queued",
		},
		{
			"the lane does not recognize what it has already", laneGo,
			" ON CONFLICT (lane, dedup) DO NOTHING`", "`",
		},
		{
			"the lane has no group lock", scheduleGo,
			"ready := g.held == 0 && len(g.entries) > 0", "ready := len(g.entries) > g.held",
		},
		{
			"a stale handle works", laneGo,
			"e.state != leased || e.receives != receives {", "e.state != leased || e.receives < receives {",
		},
		{
			"a handle works when its lease is over", laneGo,
			"e.state != leased || e.receives != receives {", "e.receives != receives {",
		},
		{
			"a delayed message does not hold up its group", scheduleGo,
			"	e.group.held++\n", "	if state == leased {\n		e.group.held++\n	}\n",
		},
		{
			"the accept time goes back", decideGo,
			"next.AcceptedAt = later(item.AcceptedAt, m.AcceptedAt)", "next.AcceptedAt = m.AcceptedAt",
		},
		{
			"a create after a delete starts again at version 1", decideGo,
			"		next.CreatedAt = m.AcceptedAt\n", "		next.CreatedAt, next.Version = m.AcceptedAt, 1\n		next.LastJobVersion = 1\n",
		},
		{
			"a book that exists jumps to the version of one that is taken back", decideGo,
			"	if item.Exists() {\n		return item.Version + 1\n	}\n", "",
		},
		{
			"a deleted book goes back to the version of one that is taken back", decideGo,
			"	return max(item.Version+1, m.Version)\n", "	return max(1, m.Version)\n",
		},
		{
			"a book that is taken back begins anew", decideGo,
			"	return max(item.Version+1, m.Version)\n", "	return item.Version + 1\n",
		},
		{
			"a failed attempt is recorded over the end", jobsGo,
			"ended = s.ColumnInt(0) != rec.Generation || job.State(s.ColumnText(1)).Terminal()",
			"ended = s.ColumnInt(0) != rec.Generation || rec.State != job.Retrying && job.State(s.ColumnText(1)).Terminal()",
		},
		{
			"a dead job that is retried leaves the ledger", recordGo,
			"burial.Listed = burial.Listed && !state.Terminal() || state == job.Dead", "burial.Listed = state == job.Dead",
		},
		{
			"a cover does not look at later ones", decideGo,
			"case m.Kind.OfCover() && m.Job < r.item.CoverJob:", "case false:",
		},
		{
			"a cover is written whatever the book has become", applyGo,
			"	case apply:\n", "	case apply:\n		if m.Kind.OfCover() {\n			item, _ = a.books.Get(ctx, m.BookID)\n		}\n",
		},
		{
			"a delete does not shut out covers that were asked for before", decideGo,
			"		next.CoverJob = max(item.CoverJob, m.Job)\n", "",
		},
		{
			"a removal of a cover does not shut out covers that were asked for before", decideGo,
			"next.Cover, next.CoverJob = nil, m.Job", "next.Cover = nil",
		},
		{
			"a picture goes before the job of its cover is sent", coversGo,
			"	m := message(r, rec.Generation)\n", "	_ = c.Objects.Delete(ctx, o.Key)\n	m := message(r, rec.Generation)\n",
		},
		{
			"a record is saved over another one than was read", jobsGo,
			"rec.Revision != 0 && rec.Revision != revision {", "rec.Revision > 0 && revision < 0 {",
		},
		{
			"a job that is on its lane is given up", coversGo,
			"		case recorded && !wanting(rec):\n			return nil\n", "",
		},
		{
			"a picture goes although its job was given up", coversGo,
			"		rec.State = job.Queued\n		if err := c.Jobs.Save(ctx, rec); err != nil {",
			"		rec.State = job.Queued\n		if err := c.Jobs.Save(ctx, rec); err != nil && !fault.Is(err, fault.Changed) {",
		},
		{
			"the picture of a dead job goes when it is told of again", coversGo,
			"	case recorded && rec.State == job.Dead && wanting(rec):\n		return nil\n", "",
		},
	}
}
