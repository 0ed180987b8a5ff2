package httpapi

import (
	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Names is how many names a Limiter remembers.
func (l *Limiter) Names() int { return len(l.names) }

// Answers are the types of what is answered, by the names of their schemas.
func Answers() map[string]any {
	return map[string]any{
		"Book": bookView{}, "Price": book.Price{}, "Job": jobView{}, "Dead": deadView{}, "Group": groupView{}, "Event": job.Event{},
		"Queue": queueView{}, "Key": keyView{}, "Problem": fault.Problem{}, "Fault": fault.Field{}, "Unready": unready{},
		"ProblemTypeView": problemView{}, "Version": versionView{},
	}
}

// Bodies are the types of what is sent, by the names of their schemas.
func Bodies() map[string]any {
	return map[string]any{
		"Draft": book.Draft{}, "Patch": book.Draft{}, "KeyOrder": keyBody{},
		"Order": discardBody{}, "RetryOrder": retryBody{}, "ManyOrder": manyBody{}, "DeadFilter": filterBody{},
	}
}
