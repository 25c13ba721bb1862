"""Gets a URL with requests: GET.PY URL CA; a proxy is taken from the environment."""

import sys

import requests

url, authority = sys.argv[1:]
requests.get(url, verify=authority, timeout=30).raise_for_status()
