package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"acervo/internal/client"
)

// picture is that of a cover in an export; its jpeg is nil when there is none, or none
// that would have to be uploaded.
type picture struct {
	contentType string
	jpeg        []byte
}

// due is the picture that a book still needs to show the cover of its line: none if it
// shows the one that was exported, or the one that was made of the same picture before.
func (i *importing) due(have client.Book, want exportedBook) picture {
	if want.Cover == nil {
		return picture{}
	}
	switch shown := have.Cover.SHA256(); {
	case shown != "" && (shown == want.Cover.SHA256() || shown == fmt.Sprintf("%x", sha256.Sum256(want.Cover.Picture))):
		return picture{}
	case len(want.Cover.Picture) == 0:
		i.CoversMissing++
		return picture{}
	default:
		return picture{want.Cover.Largest().Type, want.Cover.Picture}
	}
}

// show uploads the picture of a line whose book is there, if it has one.
func (i *importing) show(ctx context.Context, l sentLine) error {
	if l.picture.jpeg == nil {
		return nil
	}
	upload, j, err := i.c.SetCover(ctx, l.book, l.picture.contentType, int64(len(l.picture.jpeg)))
	if err == nil {
		err = i.c.Upload(ctx, upload, bytes.NewReader(l.picture.jpeg))
	}
	if err != nil {
		return i.coverFailed(err, l.line)
	}
	i.open = append(i.open, sentLine{line: l.line, job: j.ID, cover: true})
	return nil
}

// coverFailed tells of a line whose book is there and its cover is not, and returns what
// ends the import.
func (i *importing) coverFailed(err error, line int) error {
	if ending(err) {
		return fmt.Errorf("line %d: its cover: %w", line, err)
	}
	i.CoversFailed++
	i.tell(line, "its cover: "+err.Error())
	return nil
}
