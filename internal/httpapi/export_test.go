package httpapi

import (
	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Names is how many names a Limiter remembers.
func (l *Limiter) Names() int { return len(l.names) }

// Answers are the types of what is answered, by the names of their schemas.
func Answers() map[string]any {
	return map[string]any{
		"Book": bookView{}, "Price": book.Price{}, "Cover": coverView{}, "Rendition": renditionView{}, "CoverOffer": offerView{},
		"Job": jobView{}, "Dead": deadView{}, "Group": groupView{}, "Event": job.Event{},
		"Queue": queueView{}, "Key": keyView{}, "Problem": fault.Problem{}, "Fault": fault.Field{}, "Unready": unready{},
		"ProblemTypeView": problemView{}, "Version": versionView{},
		"Import": importView{}, "Format": formatView{}, "Column": columnView{}, "PreviewRow": drop.Preview{}, "ImportPlan": planView{},
		"RowCounts": rowsView{}, "FileNote": drop.Note{}, "Row": rowView{}, "RowNote": noteView{}, "Upload": uploadView{},
	}
}

// Bodies are the types of what is sent, by the names of their schemas.
func Bodies() map[string]any {
	return map[string]any{
		"Draft": book.Draft{}, "Patch": book.Draft{}, "KeyOrder": keyBody{}, "CoverOrder": coverBody{}, "Announcement": announceBody{},
		"Order": discardBody{}, "RetryOrder": retryBody{}, "ManyOrder": manyBody{}, "DeadFilter": filterBody{},
	}
}
