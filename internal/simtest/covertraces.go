package simtest

import "acervo/internal/job"

func tracesOfCovers() []trace {
	return []trace{
		{"of two covers the later accepted stays, whichever picture lands first", func(x *script) {
			x.asks(job.Create)
			first, second := x.expecting(), x.expecting()
			x.finishes(x.lands(0, second))
			x.finishes(x.lands(0, first))
			x.finishes(x.receiving(0))
			x.is(second, job.Succeeded)
			x.is(first, job.Superseded)
		}},
		{"a cover that was asked for before the delete does not come back with the next book", func(x *script) {
			x.asks(job.Create)
			slow := x.expecting()
			x.asks(job.Delete)
			x.asks(job.Create)
			x.finishes(x.lands(0, slow))
			x.finishes(x.receiving(0))
			x.is(slow, job.Superseded)
		}},
		{"a cover that was asked for before the removal stays removed", func(x *script) {
			x.asks(job.Create)
			slow := x.expecting()
			x.asks(job.CoverRemove)
			x.finishes(x.lands(0, slow))
			x.finishes(x.receiving(0))
			x.is(slow, job.Superseded)
		}},
		{"a cover is written by a zombie after its successor and a row", func(x *script) {
			x.asks(job.Create)
			j := x.expecting()
			x.finishes(x.receiving(0))
			x.finishes(x.lands(0, j))
			zombie := x.receiving(0)
			x.goOn(zombie, 2, happens) // it has read the book and the record
			x.leasesEnd()
			x.finishes(x.receiving(1))
			x.row()
			x.finishes(zombie)
			x.is(j, job.Succeeded)
		}},
		{"whoever is told of a picture dies before it is removed", func(x *script) {
			x.asks(job.Create)
			j := x.expecting()
			x.through(x.lands(0, j), sendMessage, diesAfter)
			x.finishes(x.receiving(0))
			x.finishes(x.arrives(0, j))
			x.is(j, job.Succeeded)
		}},
		{"whoever is told of a picture dies before its job is sent", func(x *script) {
			x.asks(job.Create)
			j := x.expecting()
			x.through(x.lands(0, j), sendMessage, diesBefore)
			x.finishes(x.arrives(1, j))
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"a picture is told of twice at once", func(x *script) {
			x.asks(job.Create)
			j := x.expecting()
			zombie := x.lands(0, j)
			x.until(zombie, sendMessage)
			x.finishes(x.arrives(1, j))
			x.finishes(x.receiving(0))
			x.finishes(zombie)
			x.is(j, job.Succeeded)
		}},
		{"a dead cover is retried after a later one", func(x *script) {
			x.asks(job.Create)
			x.finishes(x.receiving(0))
			j := x.expecting()
			x.finishes(x.lands(0, j))
			x.dies(j)
			x.finishes(x.lands(0, x.expecting()))
			x.finishes(x.receiving(0))
			x.retried(j)
			x.finishes(x.receiving(0))
			x.is(j, job.Superseded)
		}},
		{"a picture is given up and tried again", func(x *script) {
			x.asks(job.Create)
			x.finishes(x.receiving(0))
			j := x.expecting()
			x.uploads(j)
			x.finishes(x.quits(0, j))
			x.is(j, job.Dead)
			x.finishes(x.arrives(0, j))
			x.retried(j)
			x.finishes(x.arrives(0, j))
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"a slow delivery takes no picture from a retry", func(x *script) {
			x.asks(job.Create)
			x.finishes(x.receiving(0))
			j := x.expecting()
			slow := x.lands(0, j)
			x.until(slow, sendMessage)
			x.finishes(x.quits(1, j))
			x.is(j, job.Dead)
			x.retried(j)
			x.finishes(slow)
			x.finishes(x.arrives(1, j))
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"a picture is given up while its job goes on its lane", func(x *script) {
			x.asks(job.Create)
			x.finishes(x.receiving(0))
			j := x.expecting()
			x.uploads(j)
			late := x.quits(1, j)
			x.until(late, buryJob)
			x.finishes(x.arrives(0, j), late)
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"a picture is given up after its job was applied and before that is recorded", func(x *script) {
			x.asks(job.Create)
			x.finishes(x.receiving(0))
			j := x.expecting()
			slow := x.lands(0, j)
			x.through(slow, sendMessage, happens)
			w := x.receiving(0)
			x.through(w, writeBook, happens)
			x.finishes(x.quits(1, j), w, slow)
			x.is(j, job.Succeeded)
		}},
		{"whoever is told of a retry dies before it is sent, and it is given up", func(x *script) {
			x.asks(job.Create)
			x.finishes(x.receiving(0))
			j := x.expecting()
			x.uploads(j)
			x.finishes(x.quits(0, j))
			x.retried(j)
			x.through(x.arrives(0, j), sendMessage, diesBefore)
			x.finishes(x.quits(1, j))
			x.finishes(x.receiving(0))
			x.is(j, job.Succeeded)
		}},
		{"a picture that comes too late is refused when it is given up", func(x *script) {
			x.asks(job.Create)
			j := x.expecting()
			x.passes(job.UploadMost + 2*restFor)
			x.uploads(j)
			x.finishes(x.quits(0, j))
			x.is(j, job.Failed)
		}},
		{"a picture that comes too late is refused", func(x *script) {
			x.asks(job.Create)
			j := x.expecting()
			x.passes(job.UploadMost + 2*restFor)
			a := x.lands(0, j)
			x.until(a, dropPicture)
			x.is(j, job.Failed)
			x.finishes(a)
		}},
	}
}
