package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"tributary/ingest/child"
	"tributary/ingest/signer"
)

// newSigner is the process that signs: serve starts it as its child.
func newSigner() *cobra.Command {
	var options signer.Options
	cmd := &cobra.Command{
		Use:   "signer",
		Short: "Sign for serve with OpenSSL's libcrypto (serve starts it by itself)",
		Long: `Signer gives up every right that signing does not need, and becomes
bin/tributary-signer, which loads libcrypto.so.3. Serve starts it if delivery.libcrypto
allows, and gives it the key; it cannot be used by hand. Whether the library can be
loaded tells: tributary-signer check`,
		Example: `  bin/tributary-signer check   # which library there is
  tributary serve --dev        # its log says what signs`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			options.Log = child.Logger(slog.LevelInfo)
			return signer.Run(options)
		},
	}
	cmd.Flags().StringVar(&options.Library, "library", "", "path of libcrypto (default: the system's)")
	cmd.Flags().StringVar(&options.Binary, "binary", "", "path of tributary-signer (default: beside tributary)")
	return cmd
}
