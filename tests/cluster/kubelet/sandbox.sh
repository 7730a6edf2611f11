#!/bin/sh
# Makes the network and the files of a pod, in namespaces that are its own already, and runs its Envoy.
# Arguments: ADDRESS ROOT PORT... -- [OPTIONS SOURCE TARGET]... -- PROGRAM ARGUMENTS...
set -eu
address=$1 root=$2
shift 2

ip link set lo up
ip address add "$address/32" dev lo
# What tools/istio-iptables of Istio does for inbound connections: all go to the sidecar, except those that it makes itself,
# from 127.0.0.6. The tests connect from within the namespace, hence OUTPUT.
while [ "$1" != -- ]; do
  iptables -w -t nat -A OUTPUT -p tcp -d "$address" --dport "$1" ! -s 127.0.0.6 -j REDIRECT --to-ports 15006
  shift
done
shift

while [ "$1" != -- ]; do
  target=$root$3
  if [ -d "$2" ]; then
    mkdir -p "$target"
  elif [ ! -e "$target" ]; then
    mkdir -p "${target%/*}"
    : >"$target"
  fi
  mount -o "$1" "$2" "$target"
  shift 3
done
shift

# The certificate authorities that the images of the proxy have.
mkdir -p "$root/etc/ssl/certs"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs"

exec chroot "$root" "$@"
