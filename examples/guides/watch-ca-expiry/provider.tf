terraform {
  required_version = ">= 1.5"

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
