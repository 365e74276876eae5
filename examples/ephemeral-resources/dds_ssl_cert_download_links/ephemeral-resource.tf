ephemeral "dds_ssl_cert_download_links" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"

  lifecycle {
    postcondition {
      condition     = contains(self.certs[*].category, "international")
      error_message = "The instance has no international certificate."
    }
  }
}

# For arguments that may be ephemeral: write-only ones, and those of provider blocks.
locals {
  international = one([
    for cert in ephemeral.dds_ssl_cert_download_links.this.certs :
    cert.download_link if cert.category == "international"
  ])
}
