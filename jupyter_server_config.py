# JupyterLab refuses to start as root, which is the usual user in a container. Servers started from this folder
# may: the token in the address still keeps strangers out.
c.ServerApp.allow_root = True  # noqa: F821
