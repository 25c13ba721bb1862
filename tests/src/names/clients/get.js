// Gets a URL: GET.JS URL [PROXY]; NODE_EXTRA_CA_CERTS has the trusted authorities. Node ignores
// proxy variables, so this script asks the proxy itself.
const http = require('http');
const https = require('https');

const [url, proxy] = process.argv.slice(2);
const answered = (answer) => {
  answer.resume();
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
};
const failed = (error) => {
  console.error(error.message);
  process.exitCode = 1;
};

if (!proxy) {
  https.get(url, answered).on('error', failed);
} else {
  const { hostname } = new URL(url);
  const { hostname: host, port } = new URL(proxy);
  http
    .request({ host, port, method: 'CONNECT', path: `${hostname}:443` })
    .on('connect', (_, socket) => {
      https.get(url, { socket, agent: false }, answered).on('error', failed);
    })
    .on('error', failed)
    .end();
}
