terraform {
  required_providers {
    dds = {
      source  = "terraform-dds/dds"
      version = "~> 0.1"
    }
  }
}

# The access key comes from the environment variables HW_ACCESS_KEY and HW_SECRET_KEY.
provider "dds" {
  region = "cn-north-4"
}

data "dds_ssl_cert_download_links" "this" {
  instance_id = "e73893ef73754465a8bd2e0857bbf13ein02"
}
