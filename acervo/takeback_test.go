package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"acervo/internal/cli"
)

// exportedLine is a line of an export as a test reads it.
type exportedLine struct {
	ID, Title string
	Version   int
	Cover     *struct {
		Renditions []struct {
			Width, Height int
			URL           string
		}
		Blurhash, Color string
		Picture         []byte
	}
}

// exported is what export prints, and its lines.
func (s shell) exported(t *testing.T, flags ...string) (text string, lines []exportedLine) {
	t.Helper()
	text = s.must(t, append([]string{"export", "--ndjson"}, flags...)...)
	for line := range strings.Lines(text) {
		var l exportedLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return text, lines
}

// aLandscape is a file that is a picture with something in it, and larger than renditions.
func aLandscape(t *testing.T) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 1500, 900))
	for x := range 1500 {
		for y := range 900 {
			img.Set(x, y, color.RGBA{uint8(x / 6), uint8(y / 4), uint8((x / 100 * 40) ^ (y / 100 * 40)), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "landscape.jpg")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// differ is by how much two pictures of one size differ, on average, of 255.
func differ(t *testing.T, a, b []byte) float64 {
	t.Helper()
	left, err := jpeg.Decode(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	right, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || left.Bounds() != right.Bounds() {
		t.Fatal(err, left.Bounds(), right.Bounds())
	}
	sum, n := 0.0, 0
	for x := 0; x < left.Bounds().Dx(); x += 7 {
		for y := 0; y < left.Bounds().Dy(); y += 7 {
			l, _, _, _ := left.At(x, y).RGBA()
			r, _, _, _ := right.At(x, y).RGBA()
			sum, n = sum+max(float64(l)-float64(r), float64(r)-float64(l))/257, n+1
		}
	}
	return sum / float64(n)
}

// history makes four books of several versions, two of them with a cover, and returns
// the id of the last one.
func (s shell) history(t *testing.T) (id string) {
	t.Helper()
	for i, title := range []string{"Água viva", "Dom Casmurro", "Iracema", "O cortiço"} {
		id, _ = s.parsed(t, "book", "add", "--title", title, "--author", "Alguém")["id"].(string)
		for range i {
			s.must(t, "book", "set", id, "--rating", fmt.Sprint(1+i))
			s.must(t, "book", "set", id, "--rating", "5")
		}
		if i%2 == 1 {
			s.must(t, "book", "cover", id, aLandscape(t))
		}
	}
	s.must(t, "book", "set", id, "--rating", "4") // after the cover
	return id
}

// write puts a text into a file.
func write(t *testing.T, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "books.ndjson")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestVersionsAndCoversAreTakenBack(t *testing.T) {
	t.Parallel()
	from, to := newShell(t), newShell(t)
	from.history(t)
	export, before := from.exported(t)
	file := write(t, export)
	wantIn(t, to.must(t, "import", file), "Wrote 4 books and uploaded 2 covers; 0 books were so already, 0 lines were not taken.")
	again, after := to.exported(t)
	if withoutCovers(t, again) != withoutCovers(t, export) {
		t.Errorf("exported\n%s, taken back\n%s", withoutCovers(t, export), withoutCovers(t, again))
	}
	for i, l := range before {
		if want := []int{1, 4, 5, 9}[i]; l.Version != want || after[i].Version != want {
			t.Errorf("%s was of version %d and is of version %d, want %d", l.Title, l.Version, after[i].Version, want)
		}
		if (l.Cover == nil) != (i%2 == 0) || (after[i].Cover == nil) != (l.Cover == nil) {
			t.Errorf("the cover of %s was %v and is %v", l.Title, l.Cover, after[i].Cover)
		} else if l.Cover != nil {
			wantAlike(t, l, after[i])
		}
	}
	for _, second := range []struct {
		at   shell
		want string
	}{{to, again}, {from, export}} {
		wantIn(t, second.at.must(t, "import", file), "Wrote 0 books and uploaded 0 covers; 4 books were so already, 0 lines were not taken.")
		if got, _ := second.at.exported(t); got != second.want {
			t.Error("an import of what is there changed something")
		}
	}
	wantIn(t, to.must(t, "import", write(t, again)), "Wrote 0 books and uploaded 0 covers; 4 books were so already")
}

// wantAlike checks that two covers look the same.
func wantAlike(t *testing.T, a, b exportedLine) {
	t.Helper()
	if len(a.Cover.Renditions) != 4 || len(b.Cover.Renditions) != 4 || b.Cover.Renditions[3].Width != 1200 || b.Cover.Color == "" {
		t.Errorf("%s has %+v, and had %+v", a.Title, b.Cover.Renditions, a.Cover.Renditions)
	}
	if by := differ(t, a.Cover.Picture, b.Cover.Picture); by > 4 {
		t.Errorf("the cover of %s differs by %.1f of 255", a.Title, by)
	}
}

// withoutCovers is an export without what a server adds, and without covers.
func withoutCovers(t *testing.T, export string) string {
	t.Helper()
	return regexp.MustCompile(`"cover":\{.*`).ReplaceAllString(plainExport(t, export), `"cover":{}`)
}

func TestABookThatIsTakenBackGoesOnFromWhatIsThere(t *testing.T) {
	t.Parallel()
	from, to := newShell(t), newShell(t)
	from.history(t)
	export, lines := from.exported(t, "--no-covers")
	version := func(i int) string { return fmt.Sprint(to.parsed(t, "book", "get", lines[i].ID)["version"]) }
	to.must(t, "book", "add", "--id", lines[0].ID, "--title", "deleted", "--author", "a")
	to.must(t, "book", "set", lines[0].ID, "--rating", "3")
	to.must(t, "book", "rm", lines[0].ID) // version 3, where the line has 1
	to.must(t, "book", "add", "--id", lines[2].ID, "--title", "another", "--author", "a")
	wantIn(t, to.must(t, "import", write(t, export)), "Wrote 4 books and uploaded 0 covers", "0 covers could not be taken, and 2 are not in the file.")
	for i, want := range []string{"4", "4", "2", "9"} {
		if got := version(i); got != want {
			t.Errorf("%s is of version %s, want %s", lines[i].Title, got, want)
		}
	}
	if strings.Contains(export, `"picture"`) || lines[1].Cover == nil {
		t.Error("an export without covers has pictures, or does not tell of covers at all")
	}
}

func TestVersionsAreTakenBackByOperatorsAndByNobodyElse(t *testing.T) {
	t.Parallel()
	from, to := newShell(t), newShell(t)
	from.history(t)
	export, lines := from.exported(t)
	key := to.parsed(t, "key", "add", "w", "--role", "writer")["key"].(string)
	file := write(t, export)
	printed, err := to.try(t.Context(), "import", file, "--key", key)
	if cli.ExitCode(err) != 5 || err == nil || !strings.Contains(err.Error(), "--new-versions") {
		t.Errorf("a writer is told %v, %s", err, printed)
	}
	wantIn(t, to.must(t, "import", file, "--key", key, "--new-versions"), "Wrote 4 books and uploaded 2 covers")
	for i, want := range []string{"1", "2", "1", "2"} {
		if got := fmt.Sprint(to.parsed(t, "book", "get", lines[i].ID)["version"]); got != want {
			t.Errorf("%s is of version %s, want %s", lines[i].Title, got, want)
		}
	}
	for _, args := range [][]string{{"--delimiter", ";", file}, {list(t, "livros.csv", spoilt)}} {
		if _, code := to.run(t, append([]string{"import", "--new-versions"}, args...)...); code != 2 {
			t.Errorf("--new-versions with %q ends with %d", args, code)
		}
	}
}

func TestACoverThatIsNotTakenIsToldByItsLine(t *testing.T) {
	t.Parallel()
	from, to := newShell(t), newShell(t)
	from.history(t)
	export, lines := from.exported(t)
	text := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	spoilt := strings.Replace(export, text(lines[1].Cover.Picture), text([]byte("this is no picture")), 1)
	printed, code := to.run(t, "import", write(t, spoilt))
	wantIn(t, printed, "line 2: its cover: ", "no picture", "Wrote 4 books and uploaded 1 covers", "1 covers could not be taken, and 0 are not in the file.")
	if code != 1 {
		t.Errorf("it ends with %d", code)
	}
	wantIn(t, to.must(t, "import", write(t, export)), "Wrote 0 books and uploaded 1 covers; 4 books were so already")
	if got := fmt.Sprint(to.parsed(t, "book", "get", lines[1].ID)["version"]); got != "4" {
		t.Errorf("with its cover it is of version %s", got)
	}
}

func TestACoverThatCannotBeFetchedIsToldAndLeftOut(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	id := sh.history(t)
	_, lines := sh.exported(t)
	at := lines[3].Cover.Renditions[3].URL
	if err := os.Remove(filepath.Join(sh.dir, at)); err != nil {
		t.Fatal(err)
	}
	printed, err := sh.try(t.Context(), "export", "--ndjson") // both books show the same picture
	if err == nil || cli.ExitCode(err) != 1 {
		t.Fatalf("it ends with %v", err)
	}
	wantIn(t, cli.Explain(err), "2 covers could not be fetched", id, "no such picture")
	if strings.Count(printed, "\n") != 4 || strings.Contains(printed, `"picture"`) {
		t.Errorf("it printed %s", printed)
	}
	sh.must(t, "export", "--ndjson", "--no-covers")
}
