package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tributary/ingest/lease"
)

// The roles that a node may have: config.Config.Roles.
const (
	roleInbox    = "inbox"
	roleFetch    = "fetch"
	roleState    = "state"
	roleDelivery = "delivery"
	roleStream   = "stream"
	roleIndex    = "index"
	roleAPI      = "api"
)

// openLeases enters this node among those that share the state database. A database
// file in the locked data directory has no other node.
func (d *Daemon) openLeases(ctx context.Context) error {
	if d.ownDatabase() {
		d.leases = lease.Alone(d.registry)
		return nil
	}
	name, err := d.nodeName()
	if err != nil {
		return err
	}
	if d.leases, err = lease.Start(ctx, lease.Config{DB: d.db, Node: name, Logger: d.log, Registerer: d.registry}); err != nil {
		return err
	}
	d.onClose("leases", d.leases.Close)
	return nil
}

func (d *Daemon) ownDatabase() bool {
	path, ok := strings.CutPrefix(d.cfg.Database.URL, "sqlite:")
	if !ok {
		return false
	}
	path, err := filepath.Abs(path)
	return err == nil && filepath.Dir(path) == d.data.path
}

// nodeName is the configured one, or the data directory's: its lock proves that
// whoever had the name before is gone.
func (d *Daemon) nodeName() (string, error) {
	if d.cfg.Node != "" {
		return d.cfg.Node, nil
	}
	path := d.data.join("node")
	text, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(text)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("name of this node: %w", err)
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	name := hex.EncodeToString(random[:])
	if err := os.WriteFile(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("name of this node: %w", err)
	}
	return name, nil
}
