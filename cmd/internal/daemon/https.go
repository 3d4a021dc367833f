package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"tributary/cmd/internal/config"
)

// certificates says how the public listener proves who it is: nil when a proxy
// stands before it.
func (d *Daemon) certificates() (*tls.Config, error) {
	c := d.cfg.HTTPS
	switch {
	case c.ACME:
		return d.acme()
	case c.CertFile == "":
		return nil, nil
	}
	if c.RedirectListen != "" {
		if err := d.serveRedirect(http.HandlerFunc(d.redirect)); err != nil {
			return nil, err
		}
	}
	return fileCertificates(c)
}

// acme takes a certificate for the host of the public URL and renews it. It begins
// when the listener serves, for the authority connects to it: handshakes fail for
// the seconds until it is there. Certificates and the account's key are kept in the
// data folder, so that a restart takes none.
//
// The connections to the authority are certmagic's own: they go to the operator's
// choice, never to what a stranger named.
func (d *Daemon) acme() (*tls.Config, error) {
	c := d.cfg.HTTPS
	host, err := hostname(d.community.Base())
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(d.public.Addr().String())
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	issuer := certmagic.ACMEIssuer{
		CA: c.Directory, TestCA: c.Directory, Email: c.Email, Agreed: true, Logger: zap.NewNop(),
		AltTLSALPNPort: number, DisableHTTPChallenge: c.RedirectListen == "",
	}
	if issuer.TrustedRoots, err = authorities(c.CAFile); err != nil {
		return nil, err
	}
	var magic *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return magic, nil },
		Logger:           zap.NewNop(),
	})
	d.onClose("certificates", func() error { cache.Stop(); return nil })
	magic = certmagic.New(cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: d.data.join("acme")}, Logger: zap.NewNop(), OnEvent: d.certificateEvent,
	})
	acme := certmagic.NewACMEIssuer(magic, issuer)
	magic.Issuers = []certmagic.Issuer{acme}
	if c.RedirectListen != "" {
		if err := d.serveRedirect(acme.HTTPChallengeHandler(http.HandlerFunc(d.redirect))); err != nil {
			return nil, err
		}
	}
	d.parts.add("certificates", func(ctx context.Context) error {
		if err := magic.ManageAsync(ctx, []string{host}); err != nil {
			return fmt.Errorf("acme: %w", err)
		}
		<-ctx.Done()
		return nil
	})
	settings := magic.TLSConfig()
	settings.NextProtos = append([]string{"h2", "http/1.1"}, settings.NextProtos...)
	return settings, nil
}

// certificateEvent tells the operator of what happens to the certificate.
func (d *Daemon) certificateEvent(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained":
		d.log.Info("certificate taken", "host", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		d.log.Error("the certificate cannot be had, trying again: does the authority reach this host's port 443, or 80?",
			"host", data["identifier"], "err", data["error"])
	}
	return nil
}

func hostname(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("acme: %w", err)
	}
	return u.Hostname(), nil
}

// authorities reads the ones that the ACME server's own certificate is believed by.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("https.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("https.ca_file: there is no certificate in %s", file)
	}
	return pool, nil
}

// serveRedirect listens for plain HTTP and sends it to https.
func (d *Daemon) serveRedirect(h http.Handler) error {
	l, err := net.Listen("tcp", d.cfg.HTTPS.RedirectListen)
	if err != nil {
		return fmt.Errorf("https.redirect_listen: %w", err)
	}
	d.onClose("redirect listener", l.Close)
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		ErrorLog: quietLog(d.log),
	}
	d.parts.add("redirect listener", func(ctx context.Context) error { return serve(ctx, server, l) })
	return nil
}

// redirect leads to the public URL, whatever host was asked for: a name of a
// stranger's must not lead anywhere.
func (d *Daemon) redirect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "use "+d.community.Base(), http.StatusUpgradeRequired)
		return
	}
	http.Redirect(w, r, d.community.Base()+r.URL.RequestURI(), http.StatusMovedPermanently)
}

// reloadEvery is how often a certificate's files are looked at.
const reloadEvery = time.Minute

// fileCertificates serves a certificate from files, and takes up new ones without
// a restart. While the files do not fit each other the old one stays.
func fileCertificates(c config.HTTPS) (*tls.Config, error) {
	first, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("https.cert_file: %w", err)
	}
	var (
		mu     sync.Mutex
		pair   = &first
		loaded = time.Now()
	)
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(loaded) > reloadEvery {
				loaded = time.Now()
				if again, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err == nil {
					pair = &again
				}
			}
			return pair, nil
		},
	}, nil
}
