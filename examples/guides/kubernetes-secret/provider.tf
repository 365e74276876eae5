terraform {
  required_providers {
    dds = {
      source  = "terraform-dds/dds"
      version = "~> 0.1"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.20"
    }
  }
}

# The access key comes from the environment variables HW_ACCESS_KEY and HW_SECRET_KEY.
provider "dds" {
  region = "cn-north-4"
}

provider "kubernetes" {
  config_path = "~/.kube/config"
}
