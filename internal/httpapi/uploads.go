package httpapi

import (
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"acervo/internal/fault"
)

// uploadPause is how long an upload may bring nothing before it is given up, and how
// long its answer may take. As a whole it takes as long as it needs: its length is
// signed.
const uploadPause = 30 * time.Second

// takeUpload stores what was signed. The token is the only authority.
func (a *API) takeUpload(w http.ResponseWriter, r *http.Request) {
	if a.Inbox == nil {
		a.problem(w, r, fault.New(fault.UploadRefused, "Uploads go to another server: their addresses tell which."))
		return
	}
	control := http.NewResponseController(w)
	body := &steady{r.Body, control}
	_, err := a.Inbox.Accept(r.Context(), chi.URLParam(r, "token"), r.Header.Get("Content-Type"), r.ContentLength, body)
	_ = control.SetWriteDeadline(time.Now().Add(uploadPause)) // the server's own may be over
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// steady is a body that may take its time as long as something comes.
type steady struct {
	io.Reader
	control *http.ResponseController
}

func (s *steady) Read(p []byte) (int, error) {
	_ = s.control.SetReadDeadline(time.Now().Add(uploadPause)) // what has no deadline waits for ever
	return s.Reader.Read(p)
}
