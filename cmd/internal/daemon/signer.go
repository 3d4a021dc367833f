package daemon

import (
	"context"

	"tributary/ingest/signer"
)

// openSigner has signatures made by libcrypto, in a child process, if there is one and if it may be used. Nothing fails for
// want of it: the Signer makes them in Go.
func (d *Daemon) openSigner(ctx context.Context) {
	if d.cfg.Delivery.NoLibcrypto() || !d.cfg.Role(roleDelivery) {
		d.log.Debug("signatures are made in Go", "libcrypto", d.cfg.Delivery.Libcrypto)
		return
	}
	client, process, err := signer.Start(context.WithoutCancel(ctx), signer.Options{
		Library: d.cfg.Delivery.LibcryptoPath(), Key: d.key, Workers: d.signer.Parallel(), Log: d.log,
	}, d.children)
	if err != nil {
		d.log.Info("signatures are made in Go, which takes more than twice as long as with libcrypto", "err", err)
		return
	}
	d.onClose("signer", process.Close)
	d.signer.Through(client.Sign)
}
