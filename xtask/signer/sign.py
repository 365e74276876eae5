"""Signs random requests with the official signers and prints one JSON line for each.

With the argument `verify` it reads signatures of this provider, one JSON line for each, and prints whether the official
key verifies them. ECDSA and SM2 signatures have a random part, so they cannot be compared.

Each line has the request as it is sent and the result of every signing stage. The seed is fixed, so that a difference can
be reproduced. The requests have only the headers that the provider signs, because the official signers sign all headers.
"""

import json
import random
import re
import sys
from urllib.parse import quote

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import P256SHA256Signer, Signer, SM2SM3Signer, SM3Signer

# The signer and the number of requests for each algorithm. The official curve arithmetic is slow.
SIGNERS = {
    "HmacSHA256": (Signer, 500),
    "HmacSM3": (SM3Signer, 500),
    "EcdsaP256SHA256": (P256SHA256Signer, 40),
    "SM2SM3": (SM2SM3Signer, 40),
}
DATE = "20260115T083000Z"

# Unreserved characters, characters with a meaning in URLs, characters that signers treat differently, and characters of
# two, three and four bytes in UTF-8.
CHARACTERS = "abcXYZ019-_.~" + " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}" + "éß中文\U0001f600\u200b"
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

rng = random.Random(2026)


def text(characters, minimum, maximum):
    return "".join(rng.choice(characters) for _ in range(rng.randint(minimum, maximum)))


def percent_encode(decoded, kept):
    """Percent-encodes as one of several clients does: more or fewer characters, digits in upper or lower case."""
    escaped = quote(decoded, safe=rng.choice(["", kept]))
    return re.sub("%..", lambda match: match[0].lower(), escaped) if rng.random() < 0.2 else escaped


def recording(signer):
    """Returns a subclass of the official signer that keeps the results of its stages."""

    class Recording(signer):
        def _process_string_to_sign(self, canonical_request, time):
            self.canonical_request = canonical_request
            self.string_to_sign = super()._process_string_to_sign(canonical_request, time)
            return self.string_to_sign

    return Recording


def access_key(algorithm):
    """Returns a random access key. For SM2, no coordinate of its public key starts with a zero byte (one key in 128 has one):
    this package omits that byte from the signed data, but the standard and the official clients in Go and C# do not."""
    while True:
        key = BasicCredentials(text(PLAIN, 20, 20), text(PLAIN, 40, 40), "unused")
        if algorithm != "SM2SM3" or all(x >> 248 for x in SM2SM3Signer(key).get_signing_key()._public_key):
            return key


def sign_one(algorithm, signer):
    method = rng.choice(["GET", "GET", "POST", "PUT", "PATCH", "DELETE"])
    host = rng.choice(["dds.cn-north-4.myhuaweicloud.com", "iam.example.com:8443", "127.0.0.1:9000"])
    path = "/" + "/".join(percent_encode(text(CHARACTERS, 0, 8), "!$&'()*+,;=:@") for _ in range(rng.randint(0, 5)))
    # Only a few names, so that some pairs differ only in their values.
    names = [text(CHARACTERS, 1, 2) for _ in range(3)]
    pairs = [(rng.choice(names), text(CHARACTERS, 0, 6)) for _ in range(rng.randint(0, 6))]
    query = "&".join(percent_encode(name, "!$'()*,;:@/?") + "=" + percent_encode(value, "!$'()*,;:@/?=") for name, value in pairs)
    body = text(CHARACTERS, 1, 40) if method != "GET" and rng.random() < 0.8 else ""
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
    signer = recording(signer)(key)
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


def verify(line):
    signer, _ = SIGNERS[line["algorithm"]]
    key = signer(BasicCredentials(line["key_id"], line["secret"], "unused")).get_signing_key()
    return key.verify(bytes.fromhex(line["signature"]), line["string_to_sign"].encode())


if sys.argv[1:] == ["verify"]:
    for line in sys.stdin:
        print(json.dumps(verify(json.loads(line))))
else:
    for algorithm, (signer, count) in SIGNERS.items():
        for _ in range(count):
            sign_one(algorithm, signer)
