package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"acervo/internal/e2etest"
)

// importSeen is an import as it reads.
type importSeen struct {
	ID          string
	Filename    string
	State       string
	DuplicateOf *string `json:"duplicate_of"`
	Rows        struct {
		Total                                                int64
		OK, Failed, Superseded, Unchanged, Skipped, Warnings int64
	}
	Plan  *struct{ Creates, Changes, Unchanged, Superseded, Rejects int64 }
	Error *struct{ Detail string }
}

// accounted checks that every row of an import has one outcome.
func (i importSeen) accounted(t *testing.T) {
	t.Helper()
	if r := i.Rows; r.OK+r.Failed+r.Superseded+r.Unchanged+r.Skipped != r.Total || r.Total == 0 {
		t.Errorf("of %d rows there are %+v", r.Total, r)
	}
}

// imports imports a file by the command line, and returns the import and the exit
// code.
func (s shell) imports(t *testing.T, args ...string) (i importSeen, code int) {
	t.Helper()
	printed, code := s.run(t, append([]string{"import", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(printed), &i); err != nil {
		t.Fatalf("%v in %q", err, printed)
	}
	return i, code
}

// list writes a file and returns its name.
func list(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// titles are those of all books, sorted.
func (s shell) titles(t *testing.T) (all []string) {
	t.Helper()
	for line := range strings.Lines(s.must(t, "export", "--ndjson")) {
		var b bookSeen
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Join(strings.Fields(b.Title), " ")) // white space aside
	}
	slices.Sort(all)
	return all
}

func TestTheFilesThatUsersSentAreImportedWithoutAnyOption(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, title, isbn string
		comma             rune
	}{
		{"livros_escola_bom_crlf_tab.csv", "OBRA", "ISBN", '\t'},
		{"google_books_1299.csv", "title", "ISBN", ','},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			file := "../../shared/data/" + c.file
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Skipf("%s is not here", c.file)
			}
			i, code := sh.imports(t, file)
			i.accounted(t)
			in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xEF\xBB\xBF"))))
			in.Comma = c.comma
			records, err := in.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			title, isbn := slices.Index(records[0], c.title), slices.Index(records[0], c.isbn)
			last := map[string]string{} // the title in the last row of each book
			for n, record := range records[1:] {
				key := strings.Trim(strings.ReplaceAll(record[isbn], "-", ""), " ")
				if len(key) != 13 {
					key = fmt.Sprint("row ", n)
				}
				last[key] = strings.Join(strings.Fields(record[title]), " ")
			}
			var want []string
			for _, t := range last {
				want = append(want, t)
			}
			slices.Sort(want)
			if got := sh.titles(t); !slices.Equal(got, want) || code != 0 || i.Rows.Total != int64(len(records)-1) || i.Rows.OK != int64(len(want)) {
				t.Errorf("%+v made %d books, an independent reader finds %d", i.Rows, len(got), len(want))
			}
			again, code := sh.imports(t, file)
			again.accounted(t)
			if again.DuplicateOf == nil || *again.DuplicateOf != i.ID || code != 0 || again.Rows.OK > 0 {
				t.Errorf("the same file again is %+v, and ends with %d", again, code)
			}
		})
	}
}

const spoilt = "título;escritor;isbn;preço\r\nDom Casmurro;Machado de Assis;;R$ 39,90\r\n;Anônimo;;=1+1\r\nIracema;José de Alencar;978-0-306-40615-7;\r\nAnais;;;\r\n"

func TestWhatFailedIsCorrectedAndDroppedAgain(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	serveDir(t, dir, nil)
	sh := shell{dir: dir}
	i, code := sh.imports(t, list(t, "livros.csv", spoilt))
	i.accounted(t)
	if i.State != "completed_with_errors" || i.Rows.OK != 2 || i.Rows.Failed != 2 || code != 1 {
		t.Errorf("it is %+v, and ends with %d", i, code)
	}
	wantIn(t, sh.must(t, "imports", "rows", i.ID), "LINE", "título", "blank", "escritor", "3", "5")
	failed := filepath.Join(t.TempDir(), "failed.csv")
	sh.must(t, "imports", "failed", i.ID, "--out", failed)
	raw, err := os.ReadFile(failed)
	if err != nil {
		t.Fatal(err)
	}
	wantIn(t, string(raw), `"'=1+1"`, `"título"`, "\r\n", ";")
	corrected := strings.NewReplacer(`"";"Anônimo"`, `"Poemas";"Anônimo"`, `"Anais";""`, `"Anais";"Alguém"`).Replace(string(raw))
	if err := os.WriteFile(filepath.Join(dir, "drop", "failed.csv"), []byte(corrected), 0o600); err != nil {
		t.Fatal(err)
	}
	i = sh.awaitImport(t, "failed.csv")
	i.accounted(t)
	if i.State != "succeeded" || i.Rows.OK != 2 {
		t.Errorf("corrected it is %+v", i)
	}
	if got := sh.titles(t); !slices.Equal(got, []string{"Anais", "Dom Casmurro", "Iracema", "Poemas"}) {
		t.Errorf("the books are %q", got)
	}
}

// awaitImport waits for the end of the import of a file.
func (s shell) awaitImport(t *testing.T, filename string) importSeen {
	t.Helper()
	for deadline := time.Now().Add(e2etest.Patience); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		for line := range strings.Lines(s.must(t, "imports", "list", "--json")) {
			var i importSeen
			if err := json.Unmarshal([]byte(line), &i); err != nil {
				t.Fatal(err)
			}
			ended := slices.Contains([]string{"succeeded", "completed_with_errors", "failed", "cancelled"}, i.State)
			if i.Filename == filename && ended {
				return i
			}
		}
	}
	t.Fatalf("the import of %s does not end", filename)
	return importSeen{}
}

// numbered is a list of so many books.
func numbered(rows int) string {
	var b strings.Builder
	b.WriteString("title,author\n")
	for i := range rows {
		fmt.Fprintf(&b, "Book %d,Somebody\n", i)
	}
	return b.String()
}

func TestImportsOnOneMachine(t *testing.T) {
	t.Parallel()
	t.Run("a plan tells what it would do, and then does it", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		file := list(t, "a.csv", spoilt)
		i, code := sh.imports(t, file, "--plan")
		if p := i.Plan; code != 0 || i.State != "planned" || p.Creates != 2 || p.Rejects != 2 || len(sh.titles(t)) > 0 {
			t.Errorf("planned it is %+v, and ends with %d", i, code)
		}
		wantIn(t, sh.must(t, "imports", "show", i.ID), "planned", "título → title", "make 2 books", "reject 2 rows")
		printed, code := sh.run(t, "imports", "apply", i.ID)
		wantIn(t, printed, "2 rows made or changed books")
		if got := len(sh.titles(t)); got != 2 || code != 1 {
			t.Errorf("applied it has made %d books, and ends with %d", got, code)
		}
		i, _ = sh.imports(t, list(t, "b.csv", strings.Replace(spoilt, "39,90", "45,00", 1)), "--plan")
		if p := i.Plan; p.Creates != 1 || p.Unchanged != 1 { // a row without an ISBN is of its own file
			t.Errorf("a later file would do %+v", p)
		}
	})
	t.Run("an import stops after so many failures", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		i, code := sh.imports(t, list(t, "a.csv", numbered(2000)+strings.Repeat(",nobody\n", 4000)), "--stop-after", "600")
		i.accounted(t)
		if i.State != "failed" || code != 1 || i.Error == nil || i.Rows.Skipped == 0 || i.Rows.Failed < 600 {
			t.Errorf("it is %+v, and ends with %d", i, code)
		}
	})
	t.Run("an import is cancelled, and says what was applied", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		s := serveDir(t, dir, nil)
		sh := shell{dir: dir}
		sh.must(t, "queue", "pause", "imports")
		if err := os.WriteFile(filepath.Join(dir, "drop", "a.csv"), []byte(numbered(5000)), 0o600); err != nil {
			t.Fatal(err)
		}
		var id string
		for id == "" {
			<-time.After(100 * time.Millisecond)
			for line := range strings.Lines(sh.must(t, "imports", "list", "--json")) {
				var i importSeen
				if err := json.Unmarshal([]byte(line), &i); err != nil {
					t.Fatal(err)
				}
				if i.State == "queued" {
					id = i.ID
				}
			}
		}
		if a, err := s.Call(t.Context(), http.MethodPost, "/v1/imports/"+id+"/cancel", ""); err != nil || a.Status != http.StatusAccepted {
			t.Fatal(a, err)
		}
		sh.must(t, "queue", "resume", "imports")
		i := sh.awaitImport(t, "a.csv")
		i.accounted(t)
		if i.State != "cancelled" || i.Rows.Skipped != 5000 || len(sh.titles(t)) != 0 {
			t.Errorf("it is %+v", i)
		}
		if again, code := sh.imports(t, list(t, "a.csv", numbered(5000))); again.Rows.OK != 5000 || code != 0 {
			t.Errorf("after that it is %+v", again)
		}
	})
	t.Run("objects in a gzipped file are read with a mapping", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte("{\"nome\":\"Iracema\",\"quem\":[\"José de Alencar\",\"Outro\"],\"ean\":9780306406157}\n{\"nome\":1}\n"))
		_ = w.Close()
		i, code := sh.imports(t, list(t, "a.ndjson.gz", b.String()), "--map", "nome=title", "--map", "quem=authors")
		if i.Rows.OK != 1 || i.Rows.Failed != 1 || code != 1 || !slices.Equal(sh.titles(t), []string{"Iracema"}) {
			t.Errorf("it is %+v, and ends with %d", i, code)
		}
		wantIn(t, sh.must(t, "imports", "failed", i.ID), `"_error"`, `"nome":1`)
	})
	t.Run("failed rows that are corrected are about the books of their key, without its being named again", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		sh.imports(t, list(t, "a.csv", "code,title,author\nA-1,Old,A\n"), "--key-column", "code")
		i, _ := sh.imports(t, list(t, "b.csv", "code,title,author\nA-1,,A\n"), "--key-column", "code")
		corrected := strings.Replace(sh.must(t, "imports", "failed", i.ID), `"A-1",""`, `"A-1","New"`, 1)
		sh.imports(t, list(t, "failed.csv", corrected))
		if got := sh.titles(t); !slices.Equal(got, []string{"New"}) {
			t.Errorf("the books are %q, after %q", got, corrected)
		}
	})
	t.Run("a plan tells rows that others override from those that say what is there", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		sh.imports(t, list(t, "a.csv", "isbn,title,author\n9780306406157,Same,A\n"))
		i, _ := sh.imports(t, list(t, "b.csv", "isbn,title,author\n9780306406157,First,A\n9780306406157,Second,A\n9780306406157,Same,A\n"), "--plan")
		if p := i.Plan; p == nil || p.Unchanged != 1 || p.Superseded != 2 || p.Changes != 0 {
			t.Errorf("it would do %+v", p)
		}
		wantIn(t, sh.must(t, "imports", "show", i.ID), "leave 1 as they are and reject 0 rows", "2 rows would come too late", "--outcome superseded")
		wantIn(t, sh.must(t, "imports", "rows", "--outcome", "superseded", i.ID), "line 4 is about the same book")
	})
	t.Run("failed rows do not go over a file that is there, and it is said what to do", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		i, _ := sh.imports(t, list(t, "a.csv", spoilt))
		there := list(t, "failed.csv", "corrected")
		_, err := sh.try(t.Context(), "imports", "failed", i.ID, "--out", there)
		if err == nil || !strings.Contains(err.Error(), "give another name, or remove it first") {
			t.Errorf("it says %v", err)
		}
		if kept, err := os.ReadFile(there); err != nil || string(kept) != "corrected" {
			t.Errorf("the file is %q, %v", kept, err)
		}
	})
	t.Run("of rows about one book the last counts, and the others tell which", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		file := list(t, "a.csv", "isbn,title,author\n9780306406157,First,A\n9780306406157,Second,A\n,Other,B\n,,Nobody\n9780306406157,Last,A\n")
		i, _ := sh.imports(t, file)
		i.accounted(t)
		if i.Rows.Superseded != 2 || i.Rows.OK != 2 || i.Rows.Failed != 1 || !slices.Equal(sh.titles(t), []string{"Last", "Other"}) {
			t.Errorf("it is %+v", i)
		}
		rows := sh.must(t, "imports", "rows", "--outcome", "superseded", i.ID)
		if strings.Count(rows, "line 6 is about the same book") != 2 || strings.Contains(rows, "blank") {
			t.Errorf("the rows that were superseded are\n%s", rows)
		}
		wantIn(t, sh.must(t, "imports", "show", i.ID), "--outcome superseded")
		wantIn(t, sh.must(t, "imports", "rows", "--json", "--outcome", "superseded", i.ID), `"line":2`, `"later_line":6`)
		if failed := sh.must(t, "imports", "failed", i.ID); strings.Contains(failed, "First") || !strings.Contains(failed, "Nobody") {
			t.Errorf("the rows that failed are\n%s", failed)
		}
	})
	t.Run("what cannot be imported says what to do instead", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t)
		err := func(args ...string) string {
			_, err := sh.try(t.Context(), append([]string{"import"}, args...)...)
			if cliErr := fmt.Sprint(err); err != nil {
				return cliErr
			}
			t.Errorf("%v is taken", args)
			return ""
		}
		wantIn(t, err(list(t, "a.xlsx", "PK\x03\x04....[Content_Types].xml....xl/workbook.xml")), "save the sheet as CSV")
		wantIn(t, err(list(t, "a.csv", "title,shelf\nA,B\n")), "no column is recognised as the authors")
		wantIn(t, err(list(t, "b.csv", "title,author\nA,B\n"), "--map", "title=titel", "--currency", "REAL"), "/mapping/title", "/currency")
		wantIn(t, err(list(t, "empty.csv", "")), "is empty")
	})
}

// One byte that is no UTF-8 stands behind all that a beginning could tell of the file.
func TestAByteOfAnotherEncodingFarIntoAFileCostsItsCellOnly(t *testing.T) {
	t.Parallel()
	const rows, bad = 4500, 4321
	var text bytes.Buffer
	text.WriteString("título,escritor,descrição\n")
	at, want := 0, []string{}
	for n := range rows {
		told := fmt.Sprint("é ", n)
		if n == bad {
			told = "a\xe7ao"
			at = text.Len()
		}
		fmt.Fprintf(&text, "Título %d,João,%s\n", n, told)
		if n == bad {
			told = "-"
		}
		want = append(want, fmt.Sprintf("Título %d/João/%s", n, told))
	}
	if at < 99_465 {
		t.Fatalf("its row stands at %d", at)
	}
	slices.Sort(want)
	var zip bytes.Buffer
	w := gzip.NewWriter(&zip)
	if _, err := w.Write(text.Bytes()); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a.csv": text.String(), "a.csv.gz": zip.String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			i, code := sh.imports(t, list(t, name, content))
			i.accounted(t)
			if i.State != "succeeded" || i.Rows.OK != rows || i.Rows.Warnings != 1 || code != 0 {
				t.Errorf("it is %+v, and ends with %d", i, code)
			}
			var got []string
			for line := range strings.Lines(sh.must(t, "export", "--ndjson")) {
				var b bookSeen
				if err := json.Unmarshal([]byte(line), &b); err != nil {
					t.Fatal(err)
				}
				told := "-"
				if b.Description != nil {
					told = *b.Description
				}
				got = append(got, b.Title+"/"+strings.Join(b.Authors, "+")+"/"+told)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the %d books are not those of the file", len(got))
			}
			warned := sh.must(t, "imports", "rows", "--json", "--outcome", "warned", i.ID)
			if strings.Count(warned, "\n") != 1 {
				t.Errorf("it is told that %s", warned)
			}
			wantIn(t, warned, fmt.Sprintf(`"line":%d,"offset":%d`, bad+2, at), `"code":"bad_encoding"`)
			wantIn(t, sh.must(t, "imports", "show", i.ID), "utf-8", fmt.Sprintf("(byte %d)", bytes.IndexByte(text.Bytes(), 0xE7)))
		})
	}
}

func TestAFileWithoutAHeaderIsShownByTheNumbersOfItsColumns(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	file := list(t, "livros.csv", "1,Dom Casmurro,Machado de Assis\n2,Iracema,José de Alencar\n")
	printed, code := sh.run(t, "import", file)
	wantIn(t, printed, "#1, #2, #3")
	if strings.Contains(printed, "csv, \n") || code == 0 {
		t.Errorf("it ends with %d and tells of an encoding that nobody knows:\n%s", code, printed)
	}
	printed, _ = sh.run(t, "import", file, "--map", "2=title", "--map", "3=authors")
	wantIn(t, printed, "#2 → title", "#3 → authors", "LINE", "#1  #2")
}

func TestWhatIdentifiesRowsIsShownAsUsed(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	file := list(t, "livros.csv", "code,isbn,title,author,shelf\n1,,Dom Casmurro,Machado de Assis,A\n")
	wantIn(t, sh.must(t, "import", file, "--key-column", "code", "--key-column", "isbn"), "code → key", "isbn → isbn and key", "ignored    shelf\n")
}

func TestOfAFileThatCannotBeReadNoRowsAreCounted(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	if printed, code := sh.run(t, "import", list(t, "livros.csv", "title,author\n")); code == 0 || strings.Contains(printed, "rows made") {
		t.Errorf("it ends with %d and says %s", code, printed)
	}
}
