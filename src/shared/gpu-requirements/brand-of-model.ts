/** NVML's product brands that a model's marketing name allows, as requirements write them. */
const BRANDS: readonly [RegExp, readonly string[]][] = [
  [/\bTesla\b/i, ["tesla"]],
  [/\bGeForce RTX\b/i, ["geforce", "geforcertx"]],
  [/\bGeForce\b/i, ["geforce"]],
  [/\bQuadro RTX\b/i, ["quadro", "quadrortx"]],
  [/\bQuadro\b/i, ["quadro"]],
  [/\bTitan RTX\b/i, ["titan", "titanrtx"]],
  [/\bTitan\b/i, ["titan"]],
  [/\bNVS\b/, ["nvs"]],
  [/\bGRID\b/, ["grid"]],
  [/^NVIDIA RTX\b/i, ["nvidiartx", "quadrortx"]],
  // Data-centre GPUs were Tesla until driver 450 and are NVIDIA since.
  [/^NVIDIA [A-Z]{1,2}\d/, ["nvidia", "tesla"]],
];

/** [] when the name tells nothing: `brand` rules then hold, as in libnvidia-container when NVML does not tell. */
export function brandsOfModel(model: string): readonly string[] {
  return BRANDS.find(([pattern]) => pattern.test(model))?.[1] ?? [];
}
