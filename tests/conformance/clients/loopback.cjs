// node --require loopback.cjs …: a server that would listen on every address listens on 127.0.0.1 only.
const { Server } = require('node:net');

const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  const port = typeof first === 'object' && first !== null ? first.port : first;
  if (port === undefined || !/^\d+$/.test(String(port))) return listen.call(this, first, ...rest);
  const options = typeof first === 'object' ? first : {};
  return listen.call(this, { ...options, port: Number(port), host: '127.0.0.1' }, ...rest.filter(item => typeof item === 'function'));
};
