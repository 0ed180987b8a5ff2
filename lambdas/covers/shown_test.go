package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/client"
	"acervo/internal/e2etest"
	"acervo/internal/job"
)

// publisher is whoever uploads pictures: api, worker and function run beside it.
type publisher struct {
	*client.Client
	*site
	function *e2etest.Lambda
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	const operator = "operators-own-key"
	s := newSite(t)
	env := append(slices.Clone(s.env), "ACERVO_ADDR=127.0.0.1:0", "ACERVO_KEY="+operator,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test") // of which ministack can verify what they signed
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "../../api", "../../worker").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	api := e2etest.Launch(t, filepath.Join(dir, "api"), env)
	e2etest.Launch(t, filepath.Join(dir, "worker"), env).Greeting("The worker's health")
	c, err := client.New(client.Options{URL: api.Greeting("The API serves"), Key: operator})
	check(t, err)
	return &publisher{c, s, e2etest.LaunchLambda(t, e2etest.BuildLambda(t, "."), s.env)}
}

// shows makes a book, sets its cover, and returns how long the cover took, from asking
// for the upload until its job has succeeded, and how long the function had of it, from
// the event until its job is on the lane. The event takes its way through the queue of
// the bucket, from which it is handed to the function.
func (p *publisher) shows(t *testing.T, picture []byte) (took, made time.Duration) {
	t.Helper()
	id := uuid.NewString()
	j, err := p.Replace(t.Context(), id, []byte(`{"title":"a book","authors":["somebody"]}`), 0)
	check(t, err)
	_, err = p.Wait(t.Context(), j.ID)
	check(t, err)

	began := time.Now()
	upload, j, err := p.SetCover(t.Context(), id, "image/jpeg", int64(len(picture)))
	check(t, err)
	check(t, p.Upload(t.Context(), upload, bytes.NewReader(picture)))
	event, err := p.bucket.Next(t.Context())
	check(t, err)
	told := time.Now()
	a := p.function.Invoke(event)
	if made = time.Since(told); a.Failed || !bytes.Contains(event, []byte(j.ID)) {
		t.Fatalf("%s: %s", event, a.Body)
	}
	j, err = p.Wait(t.Context(), j.ID)
	took = time.Since(began)
	check(t, err)

	item, err := p.Store.Books().Get(t.Context(), uuid.MustParse(id))
	check(t, err)
	if j.State != job.Succeeded || item.Cover == nil || item.Version != 2 {
		t.Fatalf("the job is %+v, the book %+v", j, item)
	}
	for range len(item.Cover.Renditions) + 1 { // it is also told of what the function has put
		_, err := p.bucket.Next(t.Context())
		check(t, err)
	}
	return took, made
}

// painted is a picture of 2 MP with about as many bytes as a photograph has.
func painted(t *testing.T) []byte {
	t.Helper()
	m, dice := image.NewRGBA(image.Rect(0, 0, 1632, 1224)), rand.New(rand.NewPCG(1, 2))
	for y := range 1224 {
		for x := range 1632 {
			grain := dice.IntN(20)
			m.SetRGBA(x, y, color.RGBA{R: uint8(x/8 + grain), G: uint8(y/6 + grain), B: uint8((x+y)/15 + grain), A: 255})
		}
	}
	var b bytes.Buffer
	check(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}))
	return b.Bytes()
}

// remarked is a JPEG with a comment of its own, so that it is another file.
func remarked(picture []byte, n int) []byte {
	comment := binary.BigEndian.AppendUint64([]byte{0xff, 0xfe, 0, 10}, uint64(n))
	return slices.Concat(picture[:2], comment, picture[2:])
}

// TestAPictureIsShownOnTheEngines goes all the way: api, the bucket and its events,
// the bootstrap, worker. ACERVO_SHOWN is how many pictures it uploads, one after
// another, and it tells how long they took.
func TestAPictureIsShownOnTheEngines(t *testing.T) {
	rounds := 3
	if given := os.Getenv("ACERVO_SHOWN"); given != "" {
		var err error
		rounds, err = strconv.Atoi(given)
		check(t, err)
	}
	p, picture := newPublisher(t), painted(t)
	times, made := make([]time.Duration, rounds), make([]time.Duration, rounds)
	for n := range times {
		times[n], made[n] = p.shows(t, remarked(picture, n))
	}
	t.Logf("start to the first event %d ms; the first picture, from the event to its job, %d ms",
		p.function.Ready.Milliseconds(), made[0].Milliseconds())
	slices.Sort(times)
	slices.Sort(made)
	t.Logf("upload to cover visible on the engines, 2 MP (%d KB), %d pictures: p50 %d ms, p99 %d ms; from the event to its job p50 %d ms, p99 %d ms",
		len(picture)/1000, rounds, times[rounds/2].Milliseconds(), times[rounds*99/100].Milliseconds(),
		made[rounds/2].Milliseconds(), made[rounds*99/100].Milliseconds())
}
