/** Media types of the OCI image spec, and Docker's older names for the same things. */
export const MEDIA_TYPES = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;

export const DOCKER_MEDIA_TYPES = {
  manifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar",
  layerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
} as const;

const INDEXES: readonly string[] = [MEDIA_TYPES.index, DOCKER_MEDIA_TYPES.manifestList];
const MANIFESTS: readonly string[] = [MEDIA_TYPES.manifest, DOCKER_MEDIA_TYPES.manifest];
const LAYERS: readonly string[] = [
  MEDIA_TYPES.layer,
  MEDIA_TYPES.layerGzip,
  MEDIA_TYPES.layerZstd,
  DOCKER_MEDIA_TYPES.layer,
  DOCKER_MEDIA_TYPES.layerGzip,
];

/** OCI's or Docker's: a list of manifests, one a platform. */
export const isIndexType = (mediaType: string): boolean => INDEXES.includes(mediaType);
/** OCI's or Docker's: one image. */
export const isManifestType = (mediaType: string): boolean => MANIFESTS.includes(mediaType);
/** Foreign layers (fetched from URLs that the image names) are none of these: they are refused. */
export const isLayerType = (mediaType: string): boolean => LAYERS.includes(mediaType);
