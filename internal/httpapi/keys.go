package httpapi

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"

	"acervo/internal/fault"
	"acervo/internal/key"
)

// keyView is a key on the wire. The key itself is shown once, to whoever made it.
type keyView struct {
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	MadeAt    time.Time  `json:"made_at"`
	MadeBy    string     `json:"made_by"`
	ExpiresAt *time.Time `json:"expires_at"`
	Key       string     `json:"key,omitzero"`
}

func viewKey(k key.Key) keyView {
	return keyView{
		Name: k.Name, Role: k.Role.String(), MadeAt: k.MadeAt.UTC(), MadeBy: k.MadeBy,
		ExpiresAt: orNull(k.ExpiresAt.UTC()),
	}
}

func (a *API) listKeys(w http.ResponseWriter, r *http.Request) {
	keys, err := a.KeyStore.List(r.Context())
	if err != nil {
		a.problem(w, r, err)
		return
	}
	items := make([]keyView, 0, len(keys))
	for _, k := range keys {
		items = append(items, viewKey(k))
	}
	w.Header().Set("Cache-Control", "no-store")
	a.json(w, r, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
}

// keyBody is what makes a key.
type keyBody struct {
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func (a *API) addKey(w http.ResponseWriter, r *http.Request) {
	made, err := a.readKey(w, r)
	secret := key.NewSecret()
	if made.Hash = key.HashOf(secret); err == nil {
		err = a.KeyStore.Add(r.Context(), made)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.Log.InfoContext(r.Context(), "an operator made a key", "key", made.Name, "role", made.Role.String(), "caller", made.MadeBy)
	view := viewKey(made)
	view.Key = secret
	w.Header().Set("Location", "/v1/keys/"+made.Name)
	w.Header().Set("Cache-Control", "no-store")
	a.json(w, r, http.StatusCreated, view)
}

// readKey reads what makes a key.
func (a *API) readKey(w http.ResponseWriter, r *http.Request) (key.Key, error) {
	raw, err := readBody(w, r, "Accept-Post")
	if err != nil {
		return key.Key{}, err
	}
	var body keyBody
	if err := json.Unmarshal(raw, &body, json.RejectUnknownMembers(true)); err != nil {
		return key.Key{}, fault.Wrap(fault.Syntax, err, "The body must be a JSON object of name, role and expires_at.")
	}
	k := key.Key{Name: body.Name, MadeAt: a.Now().UTC().Truncate(time.Millisecond), MadeBy: callerOf(r).Name}
	k.Role, _ = key.ParseRole(body.Role)
	if body.ExpiresAt != nil {
		k.ExpiresAt = body.ExpiresAt.UTC().Truncate(time.Millisecond)
	}
	return k, k.Check(a.Now())
}

func (a *API) revokeKey(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "name")
	if err := a.KeyStore.Remove(r.Context(), name); err != nil {
		a.problem(w, r, err)
		return
	}
	a.Log.InfoContext(r.Context(), "an operator revoked a key", "key", name, "caller", callerOf(r).Name)
	w.WriteHeader(http.StatusNoContent)
}
