/** The cart: item ids in this browser's storage. What happens to it is an event like any other. */
const KEY = 'millrace-cart'

export function cartItems(): string[] {
  const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
  return Array.isArray(kept) ? kept.filter(item => typeof item === 'string') : []
}

export function setCart(items: readonly string[]): void {
  localStorage.setItem(KEY, JSON.stringify(items))
  showCount()
}

export function showCount(): void {
  const count = document.querySelector('#cart-count')
  if (count !== null) count.textContent = String(cartItems().length)
}
