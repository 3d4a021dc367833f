package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
)

func newConfig() *cobra.Command {
	return group(&cobra.Command{
		Use:   "config",
		Short: "Print and check the configuration",
		Long: `The configuration is one YAML file, TRIBUTARY_* variables and flags. A flag beats a
variable, a variable beats the file. Without any of them the program runs on this
machine alone.`,
		Example: `  tributary config example > tributary.yaml
  tributary config check --config tributary.yaml`,
	}, newConfigExample(), newConfigCheck())
}

func newConfigExample() *cobra.Command {
	return &cobra.Command{
		Use:     "example",
		Short:   "Print a documented file with all keys and their defaults",
		Example: "  tributary config example > tributary.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return config.Example(cmd.OutOrStdout())
		},
	}
}

func newConfigCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Print what serve would use and where each value comes from, or what is wrong",
		Example: `  tributary config check --config tributary.yaml
  TRIBUTARY_URL=https://relay.example tributary config check`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, origins, err := config.Load(config.FromFlags(cmd.Flags(), os.Environ()))
			if err != nil {
				return err
			}
			for _, warning := range c.Warnings() {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+warning)
			}
			return config.Report(cmd.OutOrStdout(), c, origins)
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}
