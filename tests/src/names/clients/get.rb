# Gets a URL as agents in ruby do that bring their own resolver: lookups are UDP written in ruby, without
# any call of the C library. GET.RB URL CA; a proxy is taken from the environment.
require 'net/http'
require 'openssl'
require 'resolv-replace'

uri = URI(ARGV[0])
# The environment names one for each scheme, of which Net::HTTP itself looks at that for http alone.
proxy = uri.find_proxy
http = Net::HTTP.new(uri.host, uri.port, proxy&.host, proxy&.port)
http.use_ssl = uri.scheme == 'https'
http.ca_file = ARGV[1]
abort 'no answer' unless http.get(uri.path).is_a?(Net::HTTPOK)
