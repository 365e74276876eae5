variable "instance_id" {
  type    = string
  default = "e73893ef73754465a8bd2e0857bbf13ein02"
}

data "dds_ssl_certificates" "this" {
  instance_id = var.instance_id
  category    = "international"
}

locals {
  certificates = flatten(data.dds_ssl_certificates.this.bundles[*].certificates)

  # 1440 hours are 60 days.
  expiring = [
    for certificate in local.certificates : "${certificate.subject} on ${certificate.not_after}"
    if timecmp(certificate.not_after, timeadd(plantimestamp(), "1440h")) < 0
  ]
}

check "ca_expiry" {
  assert {
    condition     = length(local.expiring) == 0
    error_message = "CA certificates of the instance ${var.instance_id} expire: ${join("; ", local.expiring)}."
  }
}

output "ca_fingerprints" {
  value = local.certificates[*].sha256_fingerprint
}
