// A photo on its way to the API while its shopper still types: it goes up once, and every question
// about it names it by its id.

const FILE_NAMES = { "image/png": "photo.png", "image/webp": "photo.webp" };

export class Upload {
  #id = null; // known once the API keeps the photo
  #settled;

  constructor(photo) {
    this.photo = photo;
    this.#settled = this.#begin();
  }

  /** Adds the photo to a question's form: its id, or itself where uploads are not kept. */
  async fill(form) {
    await this.#settled;
    if (this.#id) form.append("image_id", this.#id);
    else form.append("photo", this.photo, FILE_NAMES[this.photo.type] ?? "photo.jpg"); // not its own name
  }

  /** The API has forgotten the photo: true when it was told by its id and can be sent again. */
  again() {
    if (!this.#id) return false;
    this.#id = null;
    this.#settled = this.#begin();
    return true;
  }

  async #begin() {
    try {
      const headers = { "content-type": this.photo.type };
      const response = await fetch("v1/images", { method: "POST", body: this.photo, headers });
      if (response.ok) this.#id = (await response.json()).id;
    } catch {
      // Offline, perhaps: the question will bring the photo along, and say so if it cannot.
    }
  }
}
