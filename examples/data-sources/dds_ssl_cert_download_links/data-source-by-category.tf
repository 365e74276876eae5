# The links of several instances, by instance and category.
variable "instance_ids" {
  type    = set(string)
  default = ["e73893ef73754465a8bd2e0857bbf13ein02"]
}

data "dds_ssl_cert_download_links" "each" {
  for_each    = var.instance_ids
  instance_id = each.value
}

locals {
  links = {
    for id, found in data.dds_ssl_cert_download_links.each :
    id => { for cert in found.certs : cert.category => cert.download_link }
  }
}

output "international" {
  value     = { for id, links in local.links : id => lookup(links, "international", null) }
  sensitive = true
}
