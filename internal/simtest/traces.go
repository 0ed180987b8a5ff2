package simtest

import (
	"slices"
	"time"

	"acervo/internal/book"
	"acervo/internal/job"
)

// The accesses by which traces find their way.
const (
	readBook    = "read the book"
	writeBook   = "write the book"
	readRecord  = "read the record"
	writeRecord = "write the record"
	checkRecord = "write the record if the book is unchanged"
	buryJob     = "bury the job"
	amendRecord = "amend the record"
	sendMessage = "send"
	deleteIt    = "delete a delivery"
	releaseIt   = "release a delivery"
	claimKey    = "claim the key"
	markClaim   = "mark the claim as sent"
	dropPicture = "remove the picture"
)

func traces() []trace {
	return slices.Concat(tracesOfApplying(), tracesOfDying(), tracesOfTheLane(), tracesOfAccepting(), tracesOfCovers())
}

func tracesOfApplying() []trace {
	return []trace{
		{"a refusal is raced by a row", func(x *script) {
			racedByRow(x, &payload{kind: job.Update})
		}},
		{"a refusal of an If-Match ahead of the book is raced by a row", func(x *script) {
			x.row()
			racedByRow(x, &payload{kind: job.Update, ifMatch: &book.Tags{Versions: []int64{2}}})
		}},
		{"a zombie reads while its successor ends the job and the next one", func(x *script) {
			first, second := x.asks(job.Replace), x.asks(job.Replace)
			zombie := x.receiving(0)
			x.goOn(zombie, 1, happens)
			x.leasesEnd()
			x.finishes(x.receiving(1), zombie)
			x.is(first, job.Succeeded)
			x.is(second, job.Succeeded)
		}},
		{"a zombie read the book before its successor ended the job and the next one", func(x *script) {
			x.asks(job.Replace)
			x.asks(job.Replace)
			zombie := x.receiving(0)
			x.until(zombie, writeBook)
			x.leasesEnd()
			x.finishes(x.receiving(1), zombie)
		}},
		{"a deleted book is not resurrected by a zombie that creates it", func(x *script) {
			x.asks(job.Create)
			x.asks(job.Delete)
			zombie := x.receiving(0)
			x.until(zombie, writeBook)
			x.leasesEnd()
			x.finishes(x.receiving(1), zombie)
			if x.book.item.Existence != book.Tombstone {
				x.violated(newer, "the book is %s", (*shownItem)(&x.book.item))
			}
		}},
		{"a book that is taken back begins with its version, and a zombie does not take it there again", func(x *script) {
			j := x.asksFor(&payload{kind: job.Replace, begins: 7})
			x.asks(job.Delete)
			zombie := x.receiving(0)
			x.until(zombie, writeBook)
			x.leasesEnd()
			x.finishes(x.receiving(1), zombie)
			x.is(j, job.Succeeded)
			x.asksFor(&payload{kind: job.Replace, begins: 7})
			x.finishes(x.receiving(0))
			if x.book.item.Version != 9 {
				x.violated(once, "the book is %s", (*shownItem)(&x.book.item))
			}
		}},
		{"a row that makes the book first has the one that is taken back count on", func(x *script) {
			x.asksFor(&payload{kind: job.Replace, begins: 7})
			w := x.receiving(0)
			x.until(w, writeBook)
			x.row()
			x.finishes(w)
			if x.book.item.Version != 2 {
				x.violated(once, "the book is %s", (*shownItem)(&x.book.item))
			}
		}},
		{"a record that got lost is rebuilt with the version that its job made", func(x *script) {
			j := x.asks(job.Replace)
			x.through(x.receiving(0), writeBook, diesAfter)
			x.row()
			x.leasesEnd()
			x.finishes(x.receiving(1))
			x.is(j, job.Succeeded)
		}},
		{"a write whose answer is lost is not done again", func(x *script) {
			j := x.asks(job.Replace)
			w := x.receiving(0)
			x.through(w, writeBook, answerLost)
			x.finishes(w)
			x.passes(restFor)
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"a write that lands after its job was done by another delivery does nothing", func(x *script) {
			j := x.asks(job.Replace)
			w := x.receiving(0)
			x.through(w, writeBook, lands)
			x.finishes(w)
			x.passes(restFor)
			x.finishes(x.receiving(1))
			x.is(j, job.Succeeded)
		}},
		{"the accept time of a book does not go back with the clock", func(x *script) {
			x.asks(job.Replace)
			x.passes(-time.Hour)
			x.asks(job.Replace)
			x.finishes(x.receiving(0))
		}},
		{"a failed attempt is not recorded over the end", func(x *script) {
			j := x.asks(job.Replace)
			zombie := x.receiving(0)
			x.through(zombie, writeBook, fails)
			x.until(zombie, writeRecord)
			x.leasesEnd()
			x.finishes(x.receiving(1), zombie)
			x.is(j, job.Succeeded)
		}},
	}
}

// racedByRow has a job refused by one worker while a row makes it possible for
// another.
func racedByRow(x *script, p *payload) {
	j := x.asksFor(p)
	zombie := x.receiving(0)
	x.goOn(zombie, 2, happens)
	x.leasesEnd()
	successor := x.receiving(1)
	x.row()
	x.until(successor, writeBook)
	x.finishes(zombie, successor)
	x.is(j, job.Succeeded)
}

func tracesOfDying() []trace {
	return []trace{
		{"a burial finds that the job was applied", func(x *script) {
			j := x.asks(job.Replace)
			gravedigger := x.burying(0)
			x.until(gravedigger, buryJob)
			x.leasesEnd()
			x.through(x.receiving(1), writeBook, diesAfter)
			x.finishes(gravedigger)
			x.is(j, job.Succeeded)
		}},
		{"a burial shuts out who has read the book before it", func(x *script) {
			j := x.asks(job.Replace)
			gravedigger := x.burying(0)
			x.until(gravedigger, buryJob)
			x.leasesEnd()
			zombie := x.receiving(1)
			x.until(zombie, writeBook)
			x.finishes(gravedigger, zombie)
			x.is(j, job.Dead)
		}},
		{"a burial of a job that ended meanwhile", func(x *script) {
			j := x.asks(job.Create)
			x.asks(job.Update)
			gravedigger := x.burying(0)
			x.until(gravedigger, buryJob)
			x.leasesEnd()
			x.finishes(x.receiving(1), gravedigger)
			x.is(j, job.Succeeded)
		}},
		{"a burial of a job that was refused meanwhile", func(x *script) {
			j := x.asks(job.Update)
			gravedigger := x.burying(0)
			x.until(gravedigger, buryJob)
			x.leasesEnd()
			x.finishes(x.receiving(1), gravedigger)
			x.is(j, job.Failed)
		}},
		{"a zombie of the first generation meets a retry", func(x *script) {
			j := x.asks(job.Replace)
			x.asks(job.Replace)
			zombie := x.receiving(0)
			x.leasesEnd()
			gravedigger := x.burying(1)
			x.through(gravedigger, buryJob, happens)
			x.through(x.retries(0, j, nil), sendMessage, diesBefore)
			x.finishes(gravedigger, zombie)
		}},
		{"a refusal by a zombie of the first generation meets a retry", func(x *script) {
			j := x.asks(job.Update)
			zombie := x.receiving(0)
			x.until(zombie, checkRecord)
			x.leasesEnd()
			x.finishes(x.burying(1))
			x.retried(j)
			x.finishes(zombie)
		}},
		{"a refusal for good by a zombie of the first generation meets a retry", func(x *script) {
			x.row()
			j := x.asks(job.Create)
			zombie := x.receiving(0)
			x.until(zombie, writeRecord)
			x.leasesEnd()
			x.finishes(x.burying(1))
			x.retried(j)
			x.finishes(zombie)
			x.is(j, job.Queued)
		}},
		{"a retry is superseded by newer writes", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			x.retried(j)
			x.asks(job.Replace)
			x.finishes(x.receiving(0))
		}},
		{"a retry finds a newer write", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			newer := x.asks(job.Replace)
			x.finishes(x.receiving(0))
			x.retried(j)
			x.finishes(x.receiving(0))
			x.is(newer, job.Succeeded)
			x.is(j, job.Superseded)
		}},
		{"a second burial keeps the version of the first", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			x.asks(job.Replace)
			x.finishes(x.receiving(0))
			x.retried(j)
			x.dies(j)
			x.retried(j)
			x.finishes(x.receiving(0))
			x.is(j, job.Superseded)
		}},
		{"the API dies between storing a retry and sending it", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			x.through(x.retries(0, j, nil), sendMessage, diesBefore)
			x.sweep()
			x.retried(j)
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"an operator dies in the middle of a retry", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			operator := x.retries(0, j, nil)
			x.goOn(operator, 2, happens)
			x.step(operator, diesBefore)
			if x.deliverable() {
				x.finishes(x.receiving(0))
			}
		}},
		{"two operators retry at once", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			first, second := x.retries(0, j, nil), x.retries(1, j, &payload{kind: job.Replace, title: "edited"})
			x.until(first, amendRecord)
			x.until(second, amendRecord)
			x.finishes(first, second)
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"a discard meets a retry that was stored", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			x.retried(j)
			w := x.receiving(0)
			x.until(w, writeBook)
			x.finishes(x.discards(1, j), w)
			x.is(j, job.Succeeded)
		}},
		{"a discard and a retry at once", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			first, second := x.discards(0, j), x.retries(1, j, nil)
			x.until(first, amendRecord)
			x.until(second, amendRecord)
			x.finishes(second, first)
		}},
		{"a retry fails once and stays in the ledger until it ends", func(x *script) {
			j := x.asks(job.Replace)
			x.dies(j)
			x.retried(j)
			w := x.receiving(0)
			x.through(w, readBook, fails)
			x.finishes(w)
			x.is(j, job.Retrying)
			x.sweep()
		}},
	}
}

func tracesOfTheLane() []trace {
	return []trace{
		{"the rest of a group goes back with the job that failed", func(x *script) {
			x.asks(job.Replace)
			x.asks(job.Replace)
			w := x.receiving(0)
			x.through(w, readBook, fails)
			x.finishes(w)
			x.passes(restFor)
			x.finishes(x.receiving(1))
		}},
		{"the rest of a group goes back before the job that failed", func(x *script) {
			x.asks(job.Replace)
			x.asks(job.Replace)
			w := x.receiving(0)
			x.through(w, readBook, unavailable)
			x.through(w, releaseIt, happens)
			if x.deliverable() {
				x.violated(order, "the second job can be delivered before the first")
			}
			x.finishes(w)
		}},
		{"a delete that is lost delivers the message again", func(x *script) {
			x.asks(job.Replace)
			w := x.receiving(0)
			x.through(w, deleteIt, fails)
			x.finishes(w)
			x.leasesEnd()
			x.finishes(x.receiving(1))
		}},
		{"a delete that lands late deletes nothing that is delivered again", func(x *script) {
			x.asks(job.Replace)
			x.asks(job.Replace)
			w := x.receiving(0)
			x.through(w, deleteIt, lands)
			x.step(w, diesBefore)
			x.leasesEnd()
			again := x.receiving(1)
			x.late[0]()
			x.late = nil
			x.finishes(again)
		}},
		{"a stale handle deletes nothing", func(x *script) {
			x.asks(job.Replace)
			zombie := x.receiving(0)
			handle := zombie.handles[0]
			x.leasesEnd()
			w := x.receiving(1)
			x.usesStale(handle, 0)
			x.usesStale(handle, 1)
			x.usesStale(handle, 2)
			x.finishes(w)
		}},
		{"a message is sent again after its job has ended", func(x *script) {
			j := x.asks(job.Replace)
			x.asks(job.Replace)
			x.finishes(x.receiving(0))
			x.sendsAgain(j)
			x.finishes(x.receiving(0))
		}},
		{"a lane that is paused gives back what has not begun", func(x *script) {
			x.asks(job.Replace)
			second := x.asks(job.Replace)
			w := x.receiving(0)
			x.pauses(true)
			x.finishes(w)
			if second.recorded || x.receives(1, 1, false) != nil {
				x.violated(lane, "work begins on a paused lane")
			}
		}},
		{"a worker that loses its lease stops", func(x *script) {
			x.asks(job.Replace)
			x.asks(job.Replace)
			zombie := x.receiving(0)
			x.until(zombie, writeBook)
			x.leasesEnd()
			w := x.receiving(1)
			x.extends(zombie)
			x.finishes(zombie, w)
		}},
		{"a message that nobody can read is kept whole", func(x *script) {
			x.sendsGarbage(x.book)
			j := x.queued[0]
			x.asks(job.Replace)
			w := x.receiving(0)
			x.through(w, buryJob, answerLost)
			x.finishes(w)
			x.is(j, job.Dead)
			x.retried(j)
			x.is(j, job.Dead)
		}},
	}
}

func tracesOfAccepting() []trace {
	died := func(access string, f fate) func(x *script) {
		return func(x *script) {
			p, k := &payload{kind: job.Create, title: "once"}, x.keys[0]
			x.through(x.submits(0, x.book, p, k), access, f)
			x.asks(job.Replace)
			x.finishes(x.submits(1, x.book, p, k), x.receiving(0))
		}
	}
	return []trace{
		{"a client dies before it claims its key", died(claimKey, diesBefore)},
		{"a client dies between the claim and the send", died(claimKey, diesAfter)},
		{"a client dies between the send and the mark", died(sendMessage, diesAfter)},
		{"a client dies after the mark", died(markClaim, diesAfter)},
		{"the answer to a send is lost and the key is asked again", died(sendMessage, answerLost)},
		{"a send lands late and the key is asked again", died(sendMessage, lands)},
		{"a key is asked again after its job has ended", func(x *script) {
			p, k := &payload{kind: job.Create, title: "once"}, x.keys[0]
			x.through(x.submits(0, x.book, p, k), sendMessage, diesAfter)
			x.finishes(x.receiving(0))
			x.finishes(x.submits(1, x.book, p, k))
			x.finishes(x.receiving(0))
		}},
		{"two clients ask with one key at once", func(x *script) {
			p, k := &payload{kind: job.Replace, title: "once"}, x.keys[0]
			first, second := x.submits(0, x.book, p, k), x.submits(1, x.book, p, k)
			x.until(first, sendMessage)
			x.until(second, sendMessage)
			x.finishes(second, first)
		}},
		{"a key is used for another request", func(x *script) {
			k := x.keys[0]
			x.finishes(x.submits(0, x.book, &payload{kind: job.Replace, title: "one"}, k))
			x.finishes(x.submits(1, x.book, &payload{kind: job.Replace, title: "two"}, k))
		}},
		{"a send that fails is not acknowledged", func(x *script) {
			x.through(x.submits(0, x.book, &payload{kind: job.Replace, title: "never"}, nil), sendMessage, unavailable)
		}},
	}
}
