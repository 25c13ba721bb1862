# Gets a URL with a resolver in ruby, as some agents do: lookups over UDP, without the C library.
# GET.RB URL CA; a proxy is taken from the environment.
require 'net/http'
require 'openssl'
require 'resolv-replace'

uri = URI(ARGV[0])
# The environment names a proxy for each scheme, but Net::HTTP uses only the one for http.
proxy = uri.find_proxy
http = Net::HTTP.new(uri.host, uri.port, proxy&.host, proxy&.port)
http.use_ssl = uri.scheme == 'https'
http.ca_file = ARGV[1]
abort 'no answer' unless http.get(uri.path).is_a?(Net::HTTPOK)
