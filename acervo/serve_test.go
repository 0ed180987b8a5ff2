package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"acervo/internal/e2etest"
)

const aBook = `{"title": "Dom Casmurro", "authors": ["Machado de Assis"]}`

func TestSIGTERM(t *testing.T) {
	t.Parallel()
	t.Run("drains: the process ends well and nothing accepted is lost", func(t *testing.T) {
		t.Parallel()
		c := newCrash(t, unlimited)
		for range 3 {
			c.underLoad(t, (*crash).terminated)
		}
		c.settle(t)
	})
	t.Run("lets a request that has begun finish, and takes no other", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		s := serveDir(t, dir, nil)
		job := s.writeAcrossStop(t)
		if code := s.Wait(); code != 0 {
			t.Errorf("exit code %d\n%s", code, s.Stderr.String())
		}
		if end, err := serveDir(t, dir, nil).Await(t.Context(), job); err != nil || end.State != "succeeded" {
			t.Errorf("its job is %+v, %v", end, err)
		}
	})
	t.Run("ends an idle server at once, long before its grace period", func(t *testing.T) {
		t.Parallel()
		s := serveDir(t, dataDir(t), nil, "--grace", "10m")
		begin := time.Now()
		if code := s.Terminate(); code != 0 || time.Since(begin) > patience/2 {
			t.Errorf("exit code %d after %s", code, time.Since(begin))
		}
	})
}

func TestADirectoryHasOneProcess(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := serveDir(t, dir, nil)
	refused(t, 1, nil, []string{"--data", dir, "--addr", "127.0.0.1:0"},
		dir, fmt.Sprintf("in use by process %d ", first.PID()))
	if !first.accepts(t) {
		t.Error("the first process does not go on after the second one was refused")
	}
	first.Kill()
	if !serveDir(t, dir, nil).accepts(t) {
		t.Error("the directory is not free after the first process was killed")
	}
}

func TestTheOperatorKey(t *testing.T) {
	t.Parallel()
	t.Run("is made on the first run, for its owner's eyes only, and stays", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		first := serveDir(t, dir, nil)
		file := filepath.Join(dir, "operator.key")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 || strings.TrimSpace(string(stored)) != first.Key || !strings.Contains(first.Stdout.String(), file) {
			t.Errorf("the file has mode %v and %q, the greeting was\n%s", info.Mode(), stored, first.Stdout.String())
		}
		first.Terminate()
		if second := serveDir(t, dir, nil); second.Key != first.Key || !second.accepts(t) {
			t.Errorf("the key was %q, after a restart it is %q", first.Key, second.Key)
		}
	})
	t.Run("can be given instead, and then none is made", func(t *testing.T) {
		t.Parallel()
		dir, key := dataDir(t), "a key of the operator's own"
		s := serveDir(t, dir, []string{"ACERVO_KEY=" + key})
		if s.Key = key; !s.accepts(t) {
			t.Error("the key that was given is not accepted")
		}
		if _, err := os.Stat(filepath.Join(dir, "operator.key")); !os.IsNotExist(err) {
			t.Errorf("a key was made beside the one given: %v", err)
		}
	})
	t.Run("is asked for", func(t *testing.T) {
		t.Parallel()
		s := serveDir(t, dataDir(t), nil)
		s.Key += "x"
		if a, err := s.Call(t.Context(), http.MethodPost, "/v1/books", aBook); err != nil || a.Status != http.StatusUnauthorized {
			t.Errorf("a write with another key is answered with %v, %v", a, err)
		}
	})
}

func TestOneOwnerReadsTheData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // which others may look into
	s := serveDir(t, dir, nil)
	if !s.accepts(t) {
		t.Fatal("no write was accepted")
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "-shm") { // an index of pages, without data
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, flags, says []string
	}{
		"every mistake at once": {
			flags: []string{"--addr", "nonsense", "--slots", "0", "--grace", "soon", "--tls-cert", "cert.pem", "--behind-proxy=perhaps"},
			env:   []string{"ACERVO_KEY=short"},
			says:  []string{"--addr", "--slots", "--grace", "--tls-cert", "--behind-proxy", "--key"},
		},
		"an address off loopback without TLS":   {flags: []string{"--addr", "192.0.2.1:8080"}, says: []string{"--addr is off loopback", "--tls-cert", "--behind-proxy"}},
		"every address of the host without TLS": {flags: []string{"--addr", ":8080", "--slots", "0"}, says: []string{"--addr is off loopback"}},
		"a flag that there is not":              {flags: []string{"--colour", "blue"}, says: []string{"colour", "--help"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nowhere := dataDir(t)
			refused(t, 2, c.env, append([]string{"--data", nowhere}, c.flags...), c.says...)
			if _, err := os.Stat(nowhere); !os.IsNotExist(err) {
				t.Errorf("the data directory was made: %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := selfSigned(t)
	s := serveDir(t, dataDir(t), nil, "--tls-cert", cert, "--tls-key", key)
	s.HTTP.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	t.Run("serves those who trust the certificate", func(t *testing.T) {
		t.Parallel()
		if !strings.HasPrefix(s.URL, "https://") {
			t.Errorf("the greeting says %s", s.URL)
		}
		if !s.accepts(t) {
			t.Error("no write was accepted")
		}
	})
	t.Run("serves nobody in the clear", func(t *testing.T) {
		t.Parallel()
		plain := *s.Server
		plain.URL = strings.Replace(s.URL, "https://", "http://", 1)
		if a, err := plain.Call(t.Context(), http.MethodGet, "/healthz", ""); err == nil && a.Status != http.StatusBadRequest {
			t.Errorf("plain HTTP is answered with %v", a)
		}
	})
}

// writeAcrossStop sends the head of a write, then SIGTERM, then, when the server
// has stopped listening, the body. It returns the address of the job.
func (s *server) writeAcrossStop(t *testing.T) string {
	t.Helper()
	body, send := io.Pipe()
	go func() { // a pipe takes its first byte when the server has asked for the body
		_, err := io.WriteString(send, aBook[:1])
		if err == nil {
			err = errors.Join(syscall.Kill(s.PID(), syscall.SIGTERM), s.awaitRefusal(t.Context()))
		}
		if err == nil {
			_, err = io.WriteString(send, aBook[1:])
		}
		send.CloseWithError(err)
	}()
	a, err := s.Send(t.Context(), http.MethodPost, "/v1/books", body, "Expect", "100-continue")
	if err != nil || a.Status != http.StatusAccepted {
		t.Fatalf("the write is answered with %v, %v", a, err)
	}
	return a.Header.Get("Location")
}

// awaitRefusal waits until the server has stopped listening.
func (s *server) awaitRefusal(ctx context.Context) error {
	var dialer net.Dialer
	return e2etest.Poll(ctx, func() (bool, error) {
		c, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			return true, nil //nolint:nilerr // it is what we wait for
		}
		return false, c.Close()
	})
}

// accepts reports whether a write is accepted and applied.
func (s *server) accepts(t *testing.T) bool {
	t.Helper()
	a, err := s.Call(t.Context(), http.MethodPost, "/v1/books", aBook)
	if err != nil || a.Status != http.StatusAccepted {
		t.Logf("the write is answered with %v, %v", a, err)
		return false
	}
	job, err := s.Await(t.Context(), a.Header.Get("Location"))
	if err != nil || job.State != "succeeded" {
		t.Logf("the job is %+v, %v", job, err)
	}
	return err == nil && job.State == "succeeded"
}

// refused starts a server that does not start, and looks for how it ends and what
// it should say.
func refused(t *testing.T, exit int, env, flags []string, says ...string) {
	t.Helper()
	p := launch(t, env, append([]string{"serve"}, flags...)...)
	code, said := p.Wait(), p.Stderr.String()
	if code != exit || strings.Contains(p.Stdout.String(), "Acervo serves") {
		t.Errorf("exit code %d, stdout %q", code, p.Stdout.String())
	}
	for _, want := range says {
		if !strings.Contains(said, want) {
			t.Errorf("it says nothing of %q but:\n%s", want, said)
		}
	}
}

// selfSigned makes a certificate for loopback that vouches for itself.
func selfSigned(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	cert := writePEM(t, "CERTIFICATE", der)
	pool.AppendCertsFromPEM(cert.content)
	return cert.path, writePEM(t, "PRIVATE KEY", secret).path, pool
}

type pemFile struct {
	path    string
	content []byte
}

func writePEM(t *testing.T, kind string, der []byte) pemFile {
	t.Helper()
	var content bytes.Buffer
	if err := pem.Encode(&content, &pem.Block{Type: kind, Bytes: der}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return pemFile{path, content.Bytes()}
}
