"""The command line `counterfoil`: one file for each command, thin over the server, the client and the pure core."""
