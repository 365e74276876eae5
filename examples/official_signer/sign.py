"""Makes up requests, has the official signer sign them, and prints one JSON line for each.

Every line holds the request as it goes over the wire and what the signer made of it, stage by stage. The seed is
fixed, so that a difference can be looked at again. Only the headers that our signer signs are given to this one: it
signs all that it finds.
"""

import json
import random
import re
from urllib.parse import quote

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

COUNT = 500
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


class Watched(Signer):
    """The official signer, which forgets its stages otherwise."""

    def _process_string_to_sign(self, canonical_request, time):
        self.canonical_request = canonical_request
        self.string_to_sign = super()._process_string_to_sign(canonical_request, time)
        return self.string_to_sign


def sign_one():
    method = rng.choice(["GET", "GET", "POST", "PUT", "PATCH", "DELETE"])
    host = rng.choice(["dds.cn-north-4.myhuaweicloud.com", "iam.example.com:8443", "127.0.0.1:9000"])
    path = "/" + "/".join(on_the_wire(text(LETTERS, 0, 8), "!$&'()*+,;=:@") for _ in range(rng.randint(0, 5)))
    # Few different names, so that they repeat and only the values tell the pairs apart.
    names = [text(LETTERS, 1, 2) for _ in range(3)]
    pairs = [(rng.choice(names), text(LETTERS, 0, 6)) for _ in range(rng.randint(0, 6))]
    query = "&".join(on_the_wire(name, "!$'()*,;:@/?") + "=" + on_the_wire(value, "!$'()*,;:@/?=") for name, value in pairs)
    body = text(LETTERS, 1, 40) if method != "GET" and rng.random() < 0.8 else ""
    key_id, secret = text(PLAIN, 20, 20), text(PLAIN, 40, 40)
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
    signer = Watched(BasicCredentials(key_id, secret, "unused"))
    signed = signer.sign(request)
    print(json.dumps({
        "method": method,
        "uri": f"https://{host}{path}" + (f"?{query}" if query else ""),
        "body": body,
        "project": project,
        "key_id": key_id,
        "secret": secret,
        "security_token": token,
        "canonical_request": signer.canonical_request,
        "string_to_sign": signer.string_to_sign,
        "authorization": signed.header_params["Authorization"],
    }))


for _ in range(COUNT):
    sign_one()
