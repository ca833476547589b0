"""Makes a container in an Azurite on 127.0.0.1:10000, signing with the key that every Azurite has: container.py NAME"""
import base64, hashlib, hmac, sys, urllib.request
from email.utils import formatdate

name, account = sys.argv[1], "devstoreaccount1"
key = base64.b64decode("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==")
date, version = formatdate(usegmt=True), "2021-08-06"
signed = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n/{account}/{account}/{name}\nrestype:container"
signature = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {account}:{signature}", "Content-Length": "0"}
request = urllib.request.Request(f"http://127.0.0.1:10000/{account}/{name}?restype=container", method="PUT", headers=headers)
assert urllib.request.urlopen(request).status == 201
