#!/bin/sh
# Makes the servers' files in a directory: an authority with one certificate for *.names.test, a
# repository of git and one of apt. They are made for each test, so that no key is kept.
set -eu
cd "$1"
mkdir -p www/apt home
echo "it works" >www/index.html

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -addext keyUsage=critical,keyCertSign -subj "/CN=authority of a test" -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "/CN=names.test" -keyout server.key -out server.csr
printf '%s\n' 'subjectAltName=DNS:*.names.test' 'basicConstraints=CA:FALSE' \
    'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid' >extensions
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile extensions -out server.pem

# Without the settings of the tests' user.
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
export HOME="$PWD/home" GIT_CONFIG_NOSYSTEM=1
git init --quiet --template= made
git -C made -c user.name=nobody -c user.email=nobody@names.test commit --quiet --allow-empty --message one
git clone --quiet --bare --template= made www/repository.git
git -C www/repository.git update-server-info

printf '%s\n' 'Package: nothing' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@names.test>' \
    'Filename: ./nothing.deb' 'Size: 0' 'Description: nothing' >www/apt/Packages

# The only settings and the only state that apt sees: none of this machine's.
mkdir -p apt/lists/partial apt/archives/partial apt/log
cat >apt.conf <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$PWD/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$PWD/apt";
Dir::State::lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt";
Dir::Log "$PWD/apt/log";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
echo 'deb [trusted=yes] http://apt.names.test/apt ./' >sources.list
