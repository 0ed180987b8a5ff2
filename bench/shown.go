package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"acervo/internal/client"
	"acervo/internal/job"
)

// shownRounds is how many pictures are uploaded, one after another.
const shownRounds = 100

// measureShown measures how long it takes from asking for an upload until a book shows
// the picture, as a client sees it that waits for the job: a picture of 2 MP, each time
// another file, on one machine.
func measureShown(ctx context.Context, stdout io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "acervo-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	exe := filepath.Join(dir, "acervo")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", exe, "./acervo").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	p, err := launch(ctx, exe, func(data string) []string { return []string{"serve", "--addr", "127.0.0.1:0", "--data", data} })
	if err != nil {
		return err
	}
	defer p.stop()
	c, err := client.New(client.Options{URL: "http://" + p.addr, Key: benchKey})
	if err != nil {
		return err
	}
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, photograph(1632, 1224), &jpeg.Options{Quality: 90}); err != nil {
		return err
	}
	times := make([]time.Duration, shownRounds)
	for n := range times {
		if times[n], err = show(ctx, c, n, remarked(picture.Bytes(), n)); err != nil {
			return err
		}
	}
	slices.Sort(times)
	_, err = fmt.Fprintf(stdout, "upload to cover visible, 2 MP (%d KB), %d pictures: p50 %.0f ms, p99 %.0f ms\n",
		picture.Len()/1000, shownRounds, millis(times[shownRounds/2]), millis(times[shownRounds*99/100]))
	return err
}

// show makes a book and sets its cover, and returns how long the cover took.
func show(ctx context.Context, c *client.Client, n int, picture []byte) (time.Duration, error) {
	id := bookID(n)
	j, err := c.Replace(ctx, id, []byte(`{"title":"a book","authors":["somebody"]}`), 0)
	if err == nil {
		_, err = c.Wait(ctx, j.ID)
	}
	if err != nil {
		return 0, err
	}
	began := time.Now()
	upload, j, err := c.SetCover(ctx, id, "image/jpeg", int64(len(picture)))
	if err == nil {
		err = c.Upload(ctx, upload, bytes.NewReader(picture))
	}
	if err == nil {
		j, err = c.Wait(ctx, j.ID)
	}
	took := time.Since(began)
	if err == nil && j.State != job.Succeeded {
		err = fmt.Errorf("the job ended as %s: %+v", j.State, j.Error)
	}
	return took, err
}

// remarked is a JPEG with a comment of its own, so that it is another file.
func remarked(picture []byte, n int) []byte {
	const start, comment, size = 2, 0xfffe, 2 + 8
	segment := binary.BigEndian.AppendUint16(nil, comment)
	segment = binary.BigEndian.AppendUint16(segment, size)
	segment = binary.BigEndian.AppendUint64(segment, uint64(n))
	return slices.Concat(picture[:start], segment, picture[start:])
}
