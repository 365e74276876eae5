ephemeral "dds_ssl_cert_download_links" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"
}

# Ephemeral values can be used in provider blocks and in write-only arguments.
locals {
  links = {
    for cert in ephemeral.dds_ssl_cert_download_links.this.certs : cert.category => cert.download_link
  }
}
