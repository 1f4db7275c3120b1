"""The commands, one module each; `counterfoil_cli.main.COMMANDS` lists them."""
