"""Makes up requests, has the official signers sign them, and prints one JSON line for each.

With the argument `verify` it reads our signatures instead, a JSON line for each, and prints whether the official key
made from the same access key takes them: a signature on a curve has a random part, so that there is nothing to compare.

Every line holds the request as it goes over the wire and what the signer made of it, stage by stage. The seed is
fixed, so that a difference can be looked at again. Only the headers that our signer signs are given to this one: it
signs all that it finds.
"""

import json
import random
import re
import sys
from urllib.parse import quote

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import P256SHA256Signer, Signer, SM2SM3Signer, SM3Signer

# Of each algorithm, how many requests. The official arithmetic on curves is slow.
SIGNERS = {
    "HmacSHA256": (Signer, 500),
    "HmacSM3": (SM3Signer, 500),
    "EcdsaP256SHA256": (P256SHA256Signer, 40),
    "SM2SM3": (SM2SM3Signer, 40),
}
DATE = "20260115T083000Z"

# Unreserved characters, those with a meaning in URLs, those that other signers treat in their own way, and some of
# two, three and four bytes.
LETTERS = "abcXYZ019-_.~" + " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}" + "éß中文\U0001f600\u200b"
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

rng = random.Random(2026)


def text(letters, least, most):
    return "".join(rng.choice(letters) for _ in range(rng.randint(least, most)))


def on_the_wire(decoded, kept):
    """Escaped in one of the ways in which clients do it: more or less of it, hexadecimal digits of either case."""
    escaped = quote(decoded, safe=rng.choice(["", kept]))
    return re.sub("%..", lambda found: found[0].lower(), escaped) if rng.random() < 0.2 else escaped


def watched(signer):
    """The official signer, which forgets its stages otherwise."""

    class Watched(signer):
        def _process_string_to_sign(self, canonical_request, time):
            self.canonical_request = canonical_request
            self.string_to_sign = super()._process_string_to_sign(canonical_request, time)
            return self.string_to_sign

    return Watched


def access_key(algorithm):
    """For SM2 none whose public key has a coordinate that begins with a zero byte, as one in 128 has: this package
    leaves such a byte out of what it signs, the standard and the official clients in Go and C# do not."""
    while True:
        key = BasicCredentials(text(PLAIN, 20, 20), text(PLAIN, 40, 40), "unused")
        if algorithm != "SM2SM3" or all(x >> 248 for x in SM2SM3Signer(key).get_signing_key()._public_key):
            return key


def sign_one(algorithm, signer):
    method = rng.choice(["GET", "GET", "POST", "PUT", "PATCH", "DELETE"])
    host = rng.choice(["dds.cn-north-4.myhuaweicloud.com", "iam.example.com:8443", "127.0.0.1:9000"])
    path = "/" + "/".join(on_the_wire(text(LETTERS, 0, 8), "!$&'()*+,;=:@") for _ in range(rng.randint(0, 5)))
    # Few different names, so that they repeat and only the values tell the pairs apart.
    names = [text(LETTERS, 1, 2) for _ in range(3)]
    pairs = [(rng.choice(names), text(LETTERS, 0, 6)) for _ in range(rng.randint(0, 6))]
    query = "&".join(on_the_wire(name, "!$'()*,;:@/?") + "=" + on_the_wire(value, "!$'()*,;:@/?=") for name, value in pairs)
    body = text(LETTERS, 1, 40) if method != "GET" and rng.random() < 0.8 else ""
    key = access_key(algorithm)
    project = rng.choice([None, text(PLAIN, 32, 32), "  " + text(PLAIN + " -", 8, 8) + "\t "])
    token = rng.choice([None, None, text(PLAIN + "+/=", 1, 300)])

    headers = {"Host": host, "X-Sdk-Date": DATE}
    if project is not None:
        headers["X-Project-Id"] = project
    if token is not None:
        headers["X-Security-Token"] = token
    request = SdkRequest(
        method=method, schema="https", host=host, resource_path=path, query_params=list(pairs),
        header_params=headers, body=body,
    )
    signer = watched(signer)(key)
    signed = signer.sign(request)
    print(json.dumps({
        "algorithm": algorithm,
        "method": method,
        "uri": f"https://{host}{path}" + (f"?{query}" if query else ""),
        "body": body,
        "project": project,
        "key_id": key.ak,
        "secret": key.sk,
        "security_token": token,
        "canonical_request": signer.canonical_request,
        "string_to_sign": signer.string_to_sign,
        "authorization": signed.header_params["Authorization"],
    }))


def verify(ours):
    signer, _ = SIGNERS[ours["algorithm"]]
    key = signer(BasicCredentials(ours["key_id"], ours["secret"], "unused")).get_signing_key()
    return key.verify(bytes.fromhex(ours["signature"]), ours["string_to_sign"].encode())


if sys.argv[1:] == ["verify"]:
    for line in sys.stdin:
        print(json.dumps(verify(json.loads(line))))
else:
    for algorithm, (signer, count) in SIGNERS.items():
        for _ in range(count):
            sign_one(algorithm, signer)
